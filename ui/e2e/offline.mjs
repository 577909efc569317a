// The network goes away and comes back: the page says so, keeps what it showed, and goes on.
import { accessible, fits, look, shoot, site } from './browser.mjs';

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
    await page.goto(`${site}/#/inbox`);
    await page.getByText('The line to the server is down').waitFor();
    await page.getByText('Nothing waits for you').or(page.getByText('This could not be read')).first().waitFor();
    await shoot(page, 'offline-inbox');
    await page.goto(`${site}/#/`);
    await context.setOffline(false);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('The line to the server is down').waitFor({ state: 'detached' });

    // What is empty says what to do, and what is not there says so; nothing of it is out of place.
    for (const [name, place, text] of [
      ['empty-items', '/#/items', 'No stories yet'],
      ['empty-inbox', '/#/inbox', 'Nothing waits for you'],
      ['no-such-item', '/#/items?item=77', 'There is no such thing here'],
    ]) {
      await page.goto(site + place);
      await page.getByText(text).first().waitFor();
      await page.waitForTimeout(350); // what fades in has done so
      await fits(page, name);
      await shoot(page, name);
      await accessible(page, name);
    }
  },
  { allowed: [/ERR_INTERNET_DISCONNECTED|ERR_NETWORK/, /404/] },
);
