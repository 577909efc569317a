// A project's test command, which a spec proposes, is taken with one click.
import { accessible, look, shoot, site, tell } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/inbox`);
  await page.getByText('12 passed').first().waitFor();
  await accessible(page, 'the inbox with a proposal');
  await shoot(page, 'proposal');
  await page.getByRole('button', { name: 'Yes, use it from now on' }).click();
  await page.getByText('Answered').first().waitFor();
  await tell('taken');
});
