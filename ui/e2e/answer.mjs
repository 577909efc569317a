// The inbox without a mouse: down, up, into the field, send; then the next one.
import { check, env, look, site, tell } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/`);
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('n');
  await page.getByRole('heading', { name: 'Inbox' }).waitFor();
  await page.getByText('Should an account without an e-mail').waitFor();
  await page.keyboard.press('j');
  await page.getByText('After how many days is a search forgotten?').waitFor();
  await page.keyboard.press('k');
  await page.getByText('Should an account without an e-mail').waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.type('Yes, it keeps its password.');
  await page.keyboard.press('Control+Enter');
  await page.getByText('After how many days is a search forgotten?').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.inbox-list li').length === 2);
  await tell('answered');
  await page.goto(`${site}/#/items?item=${env.ASKED}`);
  await page.getByText('Yes, it keeps its password.').waitFor();
  check((await page.locator('.step.is-here').textContent()).includes('Spec'), 'it is back in spec');
});
