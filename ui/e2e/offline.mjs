// The network goes away and comes back: the page says so, keeps what it showed, and goes on.
import { look, shoot, site } from './browser.mjs';

await look(
  async (page, context) => {
    await page.goto(`${site}/#/`);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('No project yet').waitFor();
    await context.setOffline(true);
    await page.getByText('Offline', { exact: true }).waitFor();
    await page.getByText('The line to the server is down').waitFor();
    await page.getByText('No project yet').waitFor();
    await shoot(page, 'offline');
    await context.setOffline(false);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('The line to the server is down').waitFor({ state: 'detached' });
  },
  { allowed: [/ERR_INTERNET_DISCONNECTED|ERR_NETWORK/] },
);
