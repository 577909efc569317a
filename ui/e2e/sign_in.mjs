// A stranger is asked for a token; a wrong one is refused; signing out ends it.
import { accessible, check, env, look, shoot, site } from './browser.mjs';

await look(
  async (page, context) => {
    await page.goto(`${site}/#/items?phase=blocked`);
    await page.getByRole('heading', { name: 'Sign in to Damascus' }).waitFor();
    await page.waitForTimeout(350); // the label of the field has come to rest
    await shoot(page, 'sign-in');
    await accessible(page, 'sign-in');
    await page.getByLabel('Token').fill('dam_wrong');
    await page.keyboard.press('Enter');
    await page.getByText('This token is not known here.').waitFor();
    await page.getByLabel('Token').fill(env.TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Items' }).waitFor();
    check(page.url().endsWith('phase=blocked'), 'one comes to where one wanted');
    const [cookie] = await context.cookies();
    check(cookie.httpOnly && cookie.sameSite === 'Strict', 'no script reads the cookie, no other site sends it');
    const kept = await page.evaluate(() => JSON.stringify({ ...window.localStorage, ...window.sessionStorage }));
    check(!kept.includes('dam_'), 'the token is kept nowhere');
    await page.getByRole('button', { name: /Sign out/ }).click();
    await page.getByRole('heading', { name: 'Sign in to Damascus' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in to Damascus' }).waitFor();
  },
  { signedIn: false, allowed: [/401/] },
);
