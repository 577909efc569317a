// Markup, scripts, links that act and escape sequences are characters on the page, and nothing more.
import { check, look, site } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/items`);
  await page.getByRole('row', { name: /<img src=x onerror/ }).waitFor();
  for (const place of ['/#/', '/#/items?group=project', '/#/items?item=1', '/#/items?item=1&tab=runs', '/#/items?item=1&tab=timeline', '/#/items?item=1&tab=spec']) {
    await page.goto('about:blank');
    await page.goto(site + place);
    await page.getByText('<img src=x onerror').first().waitFor();
    const found = await page.evaluate(() => ({
      images: document.querySelectorAll('img').length,
      scripts: document.querySelectorAll('script:not([src])').length,
      links: [...document.querySelectorAll('a')].map((one) => one.getAttribute('href') ?? '').filter((one) => !/^(#|https?:)/.test(one)),
      // eslint-disable-next-line no-control-regex -- what must not be there
      odd: /[\u001b\u202e]/.test(document.body.innerText),
      title: document.title,
    }));
    check(found.images === 0 && found.scripts === 0, `${place} has made elements of text`);
    check(found.links.length === 0, `${place} links to ${found.links.join(' ')}`);
    check(!found.odd, `${place} shows escape sequences or marks that reorder`);
    check(found.title.endsWith('Damascus'), `${place} is now called ${found.title}`);
  }
  await page.goto(`${site}/#/items?item=1&tab=runs`);
  await page.getByText('FAILED <img src=x onerror=alert(1)>').waitFor();
  await page.goto(`${site}/#/items?item=1`);
  await page.getByRole('link', { name: 'https://example.com/real' }).waitFor();
});
