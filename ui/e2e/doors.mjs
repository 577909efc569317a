// One story that agents hand in and answer, followed on the page without touching it.
import { check, env, look, site, tell } from './browser.mjs';

const SOON = { timeout: Number(env.SOON) * 1000 };

await look(async (page) => {
  await page.goto(`${site}/#/items?project=${env.PROJECT}`);
  await page.getByText('Nothing matches').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.evaluate(() => { window.stayed = true; });
  await tell('empty');
  const row = page.getByRole('row', { name: /Paint the door/ });
  await row.getByText('Spec').waitFor(SOON);
  await tell('row');
  await row.getByText('Needs answer').waitFor(SOON);
  await row.getByRole('gridcell').nth(2).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('heading', { name: 'A question for you' }).waitFor(SOON);
  await drawer.getByText('Red or blue?').waitFor();
  await tell('question');
  await drawer.getByRole('heading', { name: 'Asked and answered' }).waitFor(SOON);
  await drawer.getByText('Blue, please.').waitFor();
  check((await drawer.locator('[data-answer]').count()) === 0, 'it is asked no longer');
  const here = (name) => page.waitForFunction((one) => document.querySelector('.step.is-here .step-pill')?.textContent?.includes(one), name, SOON);
  await here('Spec');
  await tell('answer');
  await here('Build');
  await tell('build');
  await here('Review');
  await tell('review');
  await page.waitForFunction(() => document.querySelectorAll('.step.is-done').length === 4, null, SOON);
  await tell('merged');
  await page.keyboard.press('Escape');
  await row.getByText('Merged').waitFor(SOON);
  check(await page.evaluate(() => window.stayed === true), 'the page was not loaded again');
});
