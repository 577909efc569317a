// The chart of what was merged has a column on the days on which something was, and on no other.
import { check, env, look, site, tell } from './browser.mjs';

const panel = (page) => page.getByRole('region', { name: 'Merged' });
const bars = (page) => panel(page).locator('.chart-bar').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height > 0));

await look(async (page) => {
  await page.goto(`${site}/#/`);
  const before = Number(env.A_WEEK_AGO);
  await panel(page).getByText(before === 1 ? '1 story in 30 days' : `${before} stories in 30 days`).waitFor();
  let seen = await bars(page);
  check(seen.length === 30, 'there are thirty days');
  check(places(seen) === (before ? '22' : ''), `there are columns at ${places(seen)}`);
  check((await titles(page))[29] === 'Today: nothing', 'today is called so');
  await tell('before');
  await panel(page).getByText(`${before + 2} stories in 30 days`).waitFor();
  seen = await bars(page);
  check(places(seen) === (before ? '22,29' : '29'), `there are columns at ${places(seen)}`);
  const said = await titles(page);
  check(said[29] === 'Today: 2 merged', `today says ${said[29]}`);
  check(!before || /^\d+ \w+: 1 merged$/.test(said[22]), `a week ago says ${said[22]}`);
  const label = panel(page).locator('.chart-day').last();
  check((await label.textContent()) === 'today', 'the last column is today');
  const [inner, outer] = [await label.boundingBox(), await panel(page).boundingBox()];
  check(inner.x + inner.width <= outer.x + outer.width, 'today is cut off');
});

function places(seen) {
  return seen.flatMap((one, place) => (one ? [place] : [])).join();
}

function titles(page) {
  return panel(page).locator('.chart-column').evaluateAll((all) => all.map((one) => one.title));
}
