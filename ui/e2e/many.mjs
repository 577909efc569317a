// Ten thousand items: the table holds a page of them, and scrolls without long pauses.
import { check, look, site } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/items`);
  await page.getByRole('row', { name: /Story number 10000/ }).waitFor();
  check((await page.locator('.MuiDataGrid-row').count()) < 60, 'only what is seen is drawn');
  await page.mouse.move(700, 500);
  for (let step = 0; step < 20; step += 1) await page.mouse.wheel(0, 300);
  await page.getByRole('row', { name: /Story number 9901/ }).waitFor();
  await page.getByRole('button', { name: 'Go to next page' }).click();
  await page.getByRole('row', { name: /Story number 9900/ }).waitFor();
  await page.getByRole('button', { name: 'Go to previous page' }).click();
  await page.getByRole('row', { name: /Story number 10000/ }).waitFor();
  await page.getByLabel('Search keys and titles').fill('4321');
  await page.getByRole('row', { name: /Story number 4321/ }).waitFor();
});
