// Every page, light and dark, wide and narrow: it shows what it should, fits, and axe has no serious complaint.
import { accessible, check, env, fits, look, open, shoot } from './browser.mjs';

const PLACES = [
  ['dashboard', '/#/', 'Projects'],
  ['items', '/#/items', 'Totals for empty exports'],
  ['items-by-project', '/#/items?group=project', 'All of billing'],
  ['item-blocked', `/#/items?item=${env.BLOCKED}`, 'Your decision'],
  ['item-question', `/#/items?item=${env.ASKED}`, 'Should an account without an e-mail address'],
  ['item-runs', `/#/items?item=${env.BLOCKED}&tab=runs`, 'Test output'],
  ['item-log', `/#/items?item=${env.RUNNING}&tab=runs`, 'Reading the spec'],
  ['item-timeline', `/#/items?item=${env.BLOCKED}&tab=timeline`, 'Story accepted'],
  ['inbox', '/#/inbox', 'May a passkey be the only way'],
];

const VARIANTS = {
  light: ['', {}],
  dark: ['-dark', { dark: true }],
  narrow: ['-narrow', { size: [375, 760] }],
};
const [suffix, options] = VARIANTS[env.VARIANT];

await look(async (page) => {
  for (const [name, address, text] of PLACES) {
    await open(page, address);
    if (name === 'inbox' && env.VARIANT === 'narrow') await page.getByText('It is not said what happens').first().click();
    await page.getByText(text).first().waitFor();
    if (name === 'dashboard') await firstLoad(page);
    await page.waitForTimeout(350); // what fades in has done so
    await fits(page, `${name}${suffix}`);
    await shoot(page, `${name}${suffix}`);
    await accessible(page, `${name}${suffix}`);
  }
}, options);

async function firstLoad(page) {
  const scripts = await page.evaluate(() => performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.js')).map((one) => one.name));
  let bytes = 0;
  for (const one of scripts) bytes += await gzipped(page, one);
  console.log(`first load: ${bytes} bytes of gzipped script`);
  check(bytes > 50_000 && bytes < 350_000, `the first load is ${bytes} bytes of gzipped script`);
}

async function gzipped(page, address) {
  const { gzipSync } = await import('node:zlib');
  const text = await page.evaluate(async (one) => (await fetch(one)).text(), address);
  return gzipSync(text).length;
}
