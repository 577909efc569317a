// A sign-in link: its token is out of the address at once, and whoever followed it is signed in.
import { accessible, check, env, look, site } from './browser.mjs';

await look(
  async (page, context) => {
    const asked = [];
    page.on('request', (request) => asked.push(`${request.method()} ${request.url()} ${request.headers().referer ?? ''}`));

    await page.goto(`${site}/#/?token=dam_wrong`);
    await page.getByText('This token is not known here.').waitFor();
    await page.getByRole('heading', { name: 'Sign in to Damascus' }).waitFor();
    check(!page.url().includes('token'), 'a wrong token stays in the address');
    await accessible(page, 'a refused link');

    // Into the same window: no load, only another hash.
    await page.evaluate((token) => { window.location.hash = `#/?token=${token}`; }, env.TOKEN);
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
    check(page.url() === `${site}/#/`, `the address is ${page.url()}`);
    check((await context.cookies())[0].httpOnly, 'no script reads the cookie');

    // Who is signed in and follows a link is signed in with that one.
    await context.clearCookies();
    await page.goto('about:blank');
    await page.goto(`${site}/#/items?token=${env.TOKEN}&group=project`);
    await page.getByRole('heading', { name: 'Items' }).waitFor();
    check(page.url() === `${site}/#/items?group=project`, `the address is ${page.url()}`);
    const before = (await context.cookies())[0].value;
    await page.evaluate((token) => { window.location.hash = `#/?token=${token}`; }, env.TOKEN);
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
    check(page.url() === `${site}/#/`, `the address is ${page.url()}`);
    check((await context.cookies())[0].value !== before, 'the link has signed in anew');

    // A link that is of no use takes nothing away.
    await page.evaluate(() => { window.location.hash = '#/?token=dam_wrong'; });
    await page.getByText('You are still signed in as nora.').waitFor();
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
    check(!page.url().includes('token'), 'a wrong token stays in the address');

    const kept = await page.evaluate(() => JSON.stringify([{ ...window.localStorage }, { ...window.sessionStorage }, window.history.state]));
    check(!kept.includes('dam_'), 'the token is kept nowhere');
    check(!asked.some((one) => one.includes('dam_')), 'the token is in no address that was asked for');
    await page.goBack();
    check(!page.url().includes('token'), 'the history has kept the token');
  },
  // The stream of a page that is left, or of a session that is replaced, may be cut in the middle.
  { signedIn: false, allowed: [/401/, /ERR_INCOMPLETE_CHUNKED_ENCODING/] },
);
