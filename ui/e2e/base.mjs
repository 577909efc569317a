// A project waits for its base: what its tests did is read, and one click, or Enter twice, decides.
import { accessible, check, env, look, shoot, site, tell } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/inbox`);
  await page.getByText('its base is not green').first().waitFor();
  await page.getByText('test_totals: 3 != 4').first().waitFor();
  await page.getByText('Nothing of the project is specified or built until then').waitFor();
  check((await page.locator('.answer textarea').count()) === 0, 'there is nothing to type');
  await accessible(page, 'the inbox with a red base');
  await shoot(page, 'base');
  if (env.CLICK) await page.getByRole('button', { name: env.CLICK }).click();
  else for (let press = 0; press < 2; press += 1) await page.keyboard.press('Enter');
  await page.getByText(env.TOLD).first().waitFor();
  await tell('decided');
});
