// What a merge stands on is told in words, and test by test.
import { accessible, check, env, look, shoot, site } from './browser.mjs';

await look(async (page) => {
  await page.goto(`${site}/#/items?item=${env.MERGED}`);
  const part = page.getByRole('region', { name: 'Evidence' });
  await part.getByText('2 tests passed (pytest).').waitFor();
  await part.getByText('Survived: app.py:3').waitFor();
  await part.getByText('Test by test').click();
  const row = part.getByRole('row', { name: /test_new/ });
  await row.getByText('not there').waitFor();
  check((await part.getByRole('row').count()) === 3, 'each test has a row');
  await accessible(page, 'an item with evidence');
  await shoot(page, 'evidence');
});
