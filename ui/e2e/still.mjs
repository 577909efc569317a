// What stands under the pointer stays there: new items wait until one asks for them, or goes away.
import { check, look, site, tell } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/items`);
  const first = page.locator('.MuiDataGrid-row').first();
  await first.getByText('The first story').hover();
  await tell('pointing');
  await page.getByRole('button', { name: '1 new · show' }).waitFor();
  check((await first.textContent()).includes('The first story'), 'the row is where it was');
  await tell('held');
  await first.getByText('Build').waitFor(); // what changes, changes in its place
  await page.getByRole('button', { name: '1 new · show' }).click();
  await first.getByText('The second story').waitFor();
  await tell('shown');
  await page.mouse.move(20, 400);
  await first.getByText('The third story').waitFor();
});
