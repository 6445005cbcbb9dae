/** Taking nodes out of service by hand, and letting them return. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { drain, undrain } from '../daemon/orders.ts';
import { DaemonError } from '../daemon/request.ts';
import type { Node, State } from '../daemon/schema.ts';
import { confirmed } from '../page/dialog.ts';
import type { Redraw } from '../page/view.ts';

type Verb = 'drain' | 'undrain';

const ORDERS = { drain, undrain };

export interface DrainButtons {
  /** Buttons for `nodes`, which `name` (a site or the node itself) stands for. */
  draw(name: string, nodes: readonly Node[], state: State): TemplateResult;
}

export function drainButtons(redraw: Redraw): DrainButtons {
  /** What the daemon said to the last order, and to whom it was given. */
  let answer: { name: string; text: string; failed: boolean } | undefined;

  async function give(verb: Verb, name: string, nodes: readonly Node[]): Promise<void> {
    const ids = nodes.map((node) => node.id);
    if (!(await confirmed(`${titled(verb)} ${name}?`, consequence(verb, ids), `${titled(verb)} ${name}`))) return;
    try {
      const answers = await Promise.all(ids.map(ORDERS[verb]));
      answer = { name, text: answers.join('; '), failed: false };
    } catch (error) {
      answer = { name, text: error instanceof DaemonError ? error.message : String(error), failed: true };
    }
    redraw();
  }

  return {
    draw(name, nodes, state) {
      const out = new Set(state.plan?.out_of_service);
      const inService = nodes.filter((node) => !out.has(node.id));
      const outOfService = nodes.filter((node) => out.has(node.id));
      return html`<div class="actions">
          ${button('drain', name, inService, give)} ${button('undrain', name, outOfService, give)}
        </div>
        <p class="answer ${answer?.failed ? 'is-bad' : ''}" role="status">
          ${answer?.name === name ? answer.text : nothing}
        </p>`;
    },
  };
}

type Give = (verb: Verb, name: string, nodes: readonly Node[]) => Promise<void>;

function button(verb: Verb, name: string, nodes: readonly Node[], give: Give): TemplateResult {
  return html`<button ?disabled=${nodes.length === 0} @click=${() => give(verb, name, nodes)}>
    ${titled(verb)} ${name}
  </button>`;
}

function titled(verb: Verb): string {
  return verb === 'drain' ? 'Drain' : 'Undrain';
}

function consequence(verb: Verb, ids: readonly string[]): string {
  const who = ids.join(', ');
  return verb === 'drain'
    ? `Users of ${who} move to other sites at once, and nothing is planned there until it is undrained.`
    : `${who} may serve again as soon as the next plan finds that worth it.`;
}
