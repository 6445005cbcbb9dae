/** Injects faults into a demo. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { live as current } from 'lit-html/directives/live.js';
import { injectFault } from '../daemon/orders.ts';
import { DaemonError } from '../daemon/request.ts';
import type { Estate, State } from '../daemon/schema.ts';
import type { Redraw } from '../page/view.ts';
import { faultOf, targetsOf, VERB_NAMES, VERBS, type Verb } from './fault.ts';

const INJECTED_SHOWN = 5;

export interface FaultForm {
  draw(estate: Estate, state: State): TemplateResult | typeof nothing;
}

export function faultForm(redraw: Redraw): FaultForm {
  let verb: Verb = 'kill';
  let target = '';
  let argument = '';
  let answer: { text: string; failed: boolean } | undefined;
  let isRefused = false;

  function chooseVerb(next: Verb): void {
    verb = next;
    argument = VERBS[next].argument?.value ?? '';
    redraw();
  }

  async function inject(event: Event, chosen: string): Promise<void> {
    event.preventDefault();
    const fault = faultOf(verb, chosen, argument);
    answer = 'wrong' in fault ? { text: fault.wrong, failed: true } : await injected(fault.text);
    redraw();
  }

  async function injected(fault: string): Promise<{ text: string; failed: boolean }> {
    try {
      return { text: await injectFault(fault), failed: false };
    } catch (error) {
      isRefused = error instanceof DaemonError && error.status === 404;
      return { text: error instanceof Error ? error.message : String(error), failed: true };
    }
  }

  function draw(estate: Estate, state: State): TemplateResult | typeof nothing {
    if (!state.is_demo || isRefused) return nothing;
    const targets = targetsOf(verb, estate, state);
    const chosen = targets.includes(target) ? target : (targets[0] ?? '');
    const asked = VERBS[verb].argument;
    return html`<section class="panel faults" aria-labelledby="faults-title">
      <h2 id="faults-title">Inject a fault</h2>
      <form @submit=${(event: Event) => inject(event, chosen)}>
        ${choice('Verb', VERB_NAMES, verb, (value) => chooseVerb(value as Verb))}
        ${choice('Target', targets, chosen, (value) => {
          target = value;
          redraw();
        })}
        ${asked
          ? html`<label class="is-short">${asked.label}
              <input .value=${current(argument)} @input=${(event: Event) => (argument = valueOf(event))} />
            </label>`
          : nothing}
        <button class="is-primary">Inject</button>
      </form>
      <p class="answer ${answer?.failed ? 'is-bad' : 'muted'}" role="status">
        ${answer?.text ?? VERBS[verb].does}
      </p>
      ${injectedList(state.faults)}
    </section>`;
  }

  return { draw };
}

function injectedList(faults: readonly string[]): TemplateResult | typeof nothing {
  if (faults.length === 0) return nothing;
  const latest = faults.slice(-INJECTED_SHOWN).reverse();
  const more = faults.length - latest.length;
  return html`<p class="injected">
    <span class="label">Injected</span> ${latest.map((fault) => html`<code>${fault}</code> `)}
    ${more > 0 ? html`<span class="muted">and ${more} before</span>` : nothing}
  </p>`;
}

function choice(label: string, values: readonly string[], chosen: string, choose: (value: string) => void) {
  return html`<label>${label}
    <select .value=${current(chosen)} @change=${(event: Event) => choose(valueOf(event))}>
      ${values.map((value) => html`<option value=${value} ?selected=${value === chosen}>${value}</option>`)}
    </select>
  </label>`;
}

function valueOf(event: Event): string {
  return (event.target as HTMLInputElement | HTMLSelectElement).value;
}
