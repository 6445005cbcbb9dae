/** The page against a running demo: `weir demo` first, then `npm run e2e`. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, openPage, post, severable } from './browser.mjs';

/** What the page promises from a kill to showing it. */
const SHOWN_WITHIN_MS = 2000;
/** A return is held back on purpose, and for longer while the machine is busy. */
const RETURNS_WITHIN_MS = 30_000;
/** A demo that has just been started needs its first plan. */
const FIRST_PLAN_WITHIN_MS = 30_000;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Runs `check` on a page at `hash`; the console must have nothing to complain about. */
async function onPage(hash, check, options) {
  const { page, complaints, close } = await openPage(browser, hash, options);
  try {
    await page.getByText('live', { exact: true }).waitFor({ timeout: FIRST_PLAN_WITHIN_MS });
    await check(page);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
}

const node = (page, id, health) => page.locator(`a[data-node="${id}"][data-health="${health}"]`);

async function restored(page, id) {
  await post('/api/v1/demo/fault', `restore ${id}`);
  await node(page, id, 'up').waitFor({ timeout: RETURNS_WITHIN_MS });
}

async function noHorizontalScroll(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${content} px wide in a window of ${window}`);
}

describe('estate', () => {
  test('shows every site, node and region', () =>
    onPage('', async (page) => {
      await node(page, 'edge-1', 'up').waitFor({ timeout: FIRST_PLAN_WITHIN_MS });
      assert.equal(await page.locator('a[data-node]').count(), 12);
      assert.equal(await page.locator('section.site').count(), 12);
      assert.equal(await page.locator('a.region').count(), 8);
      assert.ok(await page.locator('.map-lines canvas').isVisible());
      await noHorizontalScroll(page);
    }));

  test('shows a killed edge within two seconds', () =>
    onPage('#/map', async (page) => {
      await node(page, 'edge-3', 'up').waitFor();
      try {
        await post('/api/v1/demo/fault', 'kill edge-3');
        await node(page, 'edge-3', 'down').waitFor({ timeout: SHOWN_WITHIN_MS });
        await page.locator('.details').getByText('node edge-3: down').first().waitFor({ timeout: SHOWN_WITHIN_MS });
      } finally {
        await restored(page, 'edge-3');
      }
    }));

  test('drains a node after asking, and undrains it', () =>
    onPage('#/map/node/edge-6', async (page) => {
      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Drain edge-6', exact: true }).click();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      assert.equal(await page.getByText('edge-6 is drained').count(), 0);
      await page.getByRole('button', { name: 'Drain edge-6', exact: true }).click();
      await dialog.getByRole('button', { name: 'Drain edge-6' }).click();
      await node(page, 'edge-6', 'up').getByText('out').waitFor();
      await page.getByRole('button', { name: 'Undrain edge-6' }).click();
      await dialog.getByRole('button', { name: 'Undrain edge-6' }).click();
      await node(page, 'edge-6', 'up').getByText('out').waitFor({ state: 'detached' });
    }));

  test('can be walked with the keyboard', () =>
    onPage('#/map', async (page) => {
      await node(page, 'edge-1', 'up').focus();
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Drain edge-1', exact: true }).waitFor();
      assert.match(page.url(), /#\/map\/node\/edge-1$/);
      assert.equal(await node(page, 'edge-1', 'up').getAttribute('aria-current'), 'true');
    }));
});

describe('traffic, cost and faults', () => {
  test('shows charts and contracts, and injects a fault', () =>
    onPage('#/traffic', async (page) => {
      await page.getByRole('rowheader', { name: 'fra-transit' }).waitFor();
      assert.equal(await page.locator('canvas').count(), 3);
      await page.getByLabel('Verb').selectOption('slow');
      await page.getByLabel('Target').selectOption('mid-2');
      await page.getByLabel('Delay').fill('much');
      await page.getByRole('button', { name: 'Inject' }).click();
      await page.getByText('is not a delay').waitFor();
      await page.getByLabel('Delay').fill('5ms');
      await page.getByRole('button', { name: 'Inject' }).click();
      await page.getByText('injected: slow mid-2 5ms').waitFor();
      await post('/api/v1/demo/fault', 'restore mid-2');
      await noHorizontalScroll(page);
    }));
});

describe('plan', () => {
  test('explains why a group is served as it is', () =>
    onPage('#/plan', async (page) => {
      await page.getByRole('link', { name: /^north-telco, www\.aurora\.test: / }).click();
      const explanation = page.getByRole('complementary', { name: 'Explanation' });
      await explanation.getByText('chosen').first().waitFor();
      assert.equal(await explanation.locator('tbody tr').count(), 8, 'every edge site was looked at');
      await explanation.getByText('weighed by plan').waitFor();
      await noHorizontalScroll(page);
    }));
});

describe('SQL', () => {
  test('answers a query, sorts, and remembers it', () =>
    onPage('#/sql', async (page) => {
      await page.getByLabel('Query', { exact: true }).fill('SELECT 2 AS n UNION ALL SELECT 1 UNION ALL SELECT 10');
      await page.keyboard.press('Control+Enter');
      await page.getByText(/3 rows in \d+ ms/).waitFor();
      await page.getByRole('button', { name: 'n', exact: true }).click();
      assert.deepEqual(await page.locator('.grid tbody td').allTextContents(), ['1', '2', '10']);
      await page.reload();
      await page.getByRole('button', { name: 'SELECT 2 AS n' }).waitFor();
    }));

  test('every example is answered', () =>
    onPage('#/sql', async (page) => {
      const examples = page.locator('.queries ul').first().getByRole('button');
      for (const example of await examples.all()) {
        await example.click();
        await page.getByRole('button', { name: 'Run', exact: true }).click();
        await page.getByText(/rows in \d+ ms/).waitFor();
      }
    }));

  test('an error is shown with the daemon’s words', async () => {
    // A browser logs every status of 400 and more, so this page's console is not held against it.
    const { page, close } = await openPage(browser, '#/sql');
    await page.getByLabel('Query', { exact: true }).fill('SELECT * FROM no_such_table');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    assert.match(await page.getByRole('alert').innerText(), /no_such_table/);
    await close();
  });
});

describe('the page', () => {
  // One button goes from the system's theme to light to dark.
  for (const [colorScheme, steps] of [['light', ['light', 'dark']], ['dark', ['light']]]) {
    test(`has a ${colorScheme} theme, and a choice of it that is kept`, () =>
      onPage(
        '',
        async (page) => {
          const surface = () => page.evaluate(() => getComputedStyle(document.querySelector('header')).backgroundColor);
          const before = await surface();
          for (const step of steps) {
            await page.getByRole('button', { name: /^Theme/ }).click();
            await page.getByText(`Theme: ${step}`).waitFor();
          }
          assert.notEqual(await surface(), before);
          await page.reload();
          await page.getByText(`Theme: ${steps.at(-1)}`).waitFor();
          assert.notEqual(await surface(), before);
        },
        { colorScheme },
      ));
  }

  test('says when the daemon is away, and comes back', async () => {
    const wire = await severable();
    const { page, close } = await openPage(browser, '', {}, wire.url);
    try {
      await node(page, 'edge-1', 'up').waitFor();
      await wire.sever();
      await page.getByRole('alert').getByText('Disconnected since').waitFor();
      assert.ok(await node(page, 'edge-1', 'up').isVisible(), 'the last state stays');
      await wire.join();
      await page.getByText('live', { exact: true }).waitFor();
    } finally {
      await close();
      await wire.sever();
    }
  });
});
