/** What an operator may order here. Each answers with the daemon's own words. */

import { request } from './request.ts';

/** Takes a node out of service. */
export async function drain(node: string): Promise<string> {
  return post(`/api/v1/nodes/${encodeURIComponent(node)}/drain`);
}

/** Lets a drained node return. */
export async function undrain(node: string): Promise<string> {
  return post(`/api/v1/nodes/${encodeURIComponent(node)}/undrain`);
}

/** Injects a fault, as text: `kill edge-3`. Only a demo knows this; others answer 404. */
export async function injectFault(fault: string): Promise<string> {
  return post('/api/v1/demo/fault', fault);
}

async function post(path: string, body?: string): Promise<string> {
  const init: RequestInit = { method: 'POST' };
  if (body !== undefined) init.body = body;
  return (await (await request(path, init)).text()).trim();
}
