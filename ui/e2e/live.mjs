// One item from its acceptance to its merge, seen without touching the page.
import { check, look, site, tell } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/items`);
  await page.getByText('No stories yet').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.evaluate(() => { window.stayed = true; });
  await tell('empty');
  const row = page.getByRole('row', { name: /Totals at the end/ });
  await row.getByText('Spec').waitFor();
  await row.getByRole('gridcell').nth(2).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('heading', { name: /Totals at the end/ }).waitFor();
  const here = (name) => page.waitForFunction((one) => document.querySelector('.step.is-here .step-pill')?.textContent?.includes(one), name);
  await here('Spec');
  await tell('spec');
  await here('Build');
  await tell('build');
  await here('Review');
  await drawer.getByText('Pull request #').waitFor();
  await tell('review');
  await page.waitForFunction(() => document.querySelectorAll('.step.is-done').length === 4);
  await tell('merged');
  await page.keyboard.press('Escape');
  await row.getByText('Merged').waitFor();
  check(await page.evaluate(() => window.stayed === true), 'the page was not loaded again');
});
