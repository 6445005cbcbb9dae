/** A browser on a running demo. `WEIR_URL`, `WEIR_CHROMIUM` say where; nothing is ever downloaded. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { chromium } from 'playwright-core';

export const URL_OF_UI = (process.env.WEIR_URL ?? 'http://127.0.0.1:7080').replace(/\/$/, '');

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch() {
  return chromium.launch({ executablePath: process.env.WEIR_CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
}

/** A page at `hash`, and everything its console complains about. */
export async function openPage(browser, hash, options = {}, url = URL_OF_UI) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  await page.goto(`${url}/${hash}`);
  return { page, complaints, close: () => context.close() };
}

/** Tells the daemon something, past the page. */
export async function post(path, body) {
  const response = await fetch(`${URL_OF_UI}${path}`, { method: 'POST', body });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

/** A wire to the daemon that can be cut and joined again: the browser's own "offline" leaves open streams alone. */
export async function severable() {
  const { hostname, port } = new URL(URL_OF_UI);
  const sockets = new Set();
  let server;
  let here = 0;

  async function join() {
    server = createServer((near) => {
      const far = connect(Number(port || 80), hostname);
      for (const socket of [near, far]) {
        sockets.add(socket);
        // A cut is the point here, not a failure.
        socket.on('error', () => {});
        socket.on('close', () => [near, far].forEach((one) => one.destroy()));
      }
      near.pipe(far).pipe(near);
    });
    server.listen(here, '127.0.0.1');
    await once(server, 'listening');
    here = server.address().port;
  }

  async function sever() {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await closed;
  }

  await join();
  return { url: `http://127.0.0.1:${here}`, join, sever };
}
