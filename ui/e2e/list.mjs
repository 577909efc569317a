// Filter, order, grouping and selection live in the address, and back again.
import { check, env, look, shoot, site } from './browser.mjs';

await look(async (page, context) => {
  await page.goto(`${site}/#/items`);
  await page.getByRole('grid').waitFor();
  await page.getByRole('button', { name: 'Blocked' }).click();
  await page.waitForURL(/phase=blocked/);
  await page.getByRole('row', { name: /Totals for empty exports/ }).waitFor();
  // The rows of before stay until the new ones have come: one blocked item, below the headers.
  await page.waitForFunction(() => document.querySelectorAll('[role="row"]').length === 2);

  await page.getByRole('button', { name: 'Blocked' }).click();
  await page.getByLabel('Search keys and titles').fill('passk');
  await page.waitForURL(/text=passk/);
  await page.getByRole('row', { name: /Let people sign in with a passkey/ }).first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.MuiDataGrid-row').length < 5);
  check(await page.getByLabel('Search keys and titles').evaluate((one) => one === document.activeElement), 'one goes on writing');

  await page.getByLabel('Search keys and titles').fill('');
  await page.waitForURL((url) => !url.hash.includes('text='));
  await page.getByRole('columnheader', { name: 'Priority' }).click();
  await page.waitForURL(/sort=priority/);
  await page.goBack();
  await page.waitForURL((url) => !url.hash.includes('sort='));

  await page.getByRole('row', { name: /Totals for empty exports/ }).getByRole('checkbox').click();
  await page.waitForURL(new RegExp(`sel=${env.BLOCKED}`));
  await page.getByText('1 item selected').waitFor();

  // The same address in another window is the same view.
  const other = await context.newPage();
  await other.goto(page.url());
  await other.getByText('1 item selected').waitFor();
  check(await other.getByRole('row', { name: /Totals for empty exports/ }).getByRole('checkbox').isChecked(), 'the selection is shared');
  await shoot(other, 'items-selected');
  await other.close();

  await page.getByRole('button', { name: 'Retry…' }).click();
  await page.getByText('with its attempts back at 0').waitFor();
  await page.getByRole('button', { name: 'Retry 1' }).click();
  await page.getByText('1 item set going again').waitFor();
  await page.getByRole('row', { name: /Totals for empty exports.*Review|Totals for empty exports.*Build/ }).waitFor();
  check(!page.url().includes('sel='), 'the selection is gone');

  // The drawer opens with the keyboard, and closes back to where one was.
  await page.getByRole('row', { name: /Totals for empty exports/ }).getByRole('gridcell').nth(2).click();
  await page.getByRole('dialog').getByRole('heading', { name: 'Totals for empty exports' }).waitFor();
  await page.keyboard.press('Escape');
  await page.waitForURL((url) => !url.hash.includes('item='));

  await page.goto(`${site}/#/items?group=project&phase=merged`);
  await page.getByRole('button', { name: /All of/ }).first().or(page.locator('.group').first()).first().waitFor();
  check((await page.locator('.group').count()) >= 4, 'a group for every project with merged items');
});
