// Every number on the dashboard that leads to a list leads to one of that length.
import { accessible, check, env, look, open, site } from './browser.mjs';

await look(async (page) => {
  const led = [];
  await page.goto(`${site}/#/`);
  await page.getByRole('heading', { name: 'Stuck and failing' }).waitFor();
  for (const one of await page.locator('.flow-cell').all()) {
    led.push([await one.getAttribute('href'), await one.locator('.flow-big').textContent()]);
  }
  const struggling = page.getByRole('region', { name: 'Stuck and failing' });
  await struggling.getByText(/\d+ items?, most attempts first/).waitFor();
  led.push([await struggling.getByRole('link', { name: 'Stuck and failing' }).getAttribute('href'), (await struggling.locator('.panel-head span').textContent()).split(' ')[0]]);
  for (const one of await page.locator('.table td a').all()) led.push([await one.getAttribute('href'), await one.textContent()]);
  check(led.length > 15, `only ${led.length} numbers lead to a list`);
  check(led.some(([href, number]) => href.includes('failing=true') && Number(number) >= 3), 'some are failing');

  for (const [href, number] of led) {
    await open(page, `/${href}`);
    const said = page.getByText('Nothing matches').or(page.locator('.MuiTablePagination-displayedRows')).first();
    await said.waitFor();
    const length = (await said.textContent()).match(/of (\d+)$/)?.[1] ?? '0';
    check(length === number, `${href} has ${length} items, the dashboard says ${number}`);
  }

  await page.goto(`${site}/#/items?failing=true&sort=-attempts`);
  check((await page.getByRole('button', { name: 'Stuck and failing' }).getAttribute('aria-pressed')) === 'true', 'the filter is shown');
  await page.getByRole('row', { name: /Totals for empty exports/ }).waitFor();
  await accessible(page, 'what is stuck and failing');

  // What others wait for is cancelled in two steps: told first, then done.
  await page.goto(`${site}/#/items?item=${env.BLOCKED}`);
  const drawer = page.getByRole('dialog').first();
  await drawer.getByRole('button', { name: 'Give the item up' }).click();
  await drawer.getByRole('button', { name: 'Give it up for good' }).click();
  await drawer.getByText(/is waited for by \d+ .*Cancel those first, or let them go on without it\./).waitFor();
  await drawer.getByRole('button', { name: 'Cancel it and free those that wait' }).waitFor();
  await drawer.getByRole('button', { name: 'Cancel', exact: true }).click();
  const sure = page.getByRole('dialog', { name: 'Cancel this item?' });
  await sure.getByRole('button', { name: 'Cancel the item' }).click();
  await sure.getByText(/Cancel those first, or let them go on without it\./).waitFor();
  check(!(await sure.textContent()).includes('--'), 'the page speaks of the command line');
  await page.waitForTimeout(350); // what fades in has done so
  await accessible(page, 'a refused cancel');
  await sure.getByRole('button', { name: 'Cancel it and free those that wait' }).click();
  await page.getByText('Cancelled, and the others freed').waitFor();
}, { allowed: [/409/] });
