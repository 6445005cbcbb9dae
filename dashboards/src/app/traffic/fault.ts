/** Faults of the demo as text: `<verb> <target> [<argument>]`. */

import type { Estate, State } from '../daemon/schema.ts';

export type Verb = 'kill' | 'restore' | 'slow' | 'loss' | 'price' | 'surge';

interface Form {
  does: string;
  /** What is asked for beside the target, with a sensible value and how it is written. */
  argument?: { label: string; value: string; pattern: RegExp; written(value: string): string; form: string };
}

const factor = {
  label: 'Factor',
  value: '3',
  pattern: /^x?\d+(\.\d+)?$/,
  written: (value: string) => `x${value.replace(/^x/, '')}`,
  form: 'a factor such as 3 or 1.5',
};

export const VERBS: Record<Verb, Form> = {
  kill: { does: 'Kills the process of a node, as a crash would.' },
  restore: { does: 'Starts a node again, without what was done to it.' },
  slow: {
    does: 'Lets a node answer later.',
    argument: {
      label: 'Delay',
      value: '80ms',
      pattern: /^\d+(\.\d+)?(ms|s)$/,
      written: (value) => value,
      form: 'a delay such as 80ms or 1s',
    },
  },
  loss: {
    does: 'Lets a node drop a part of its requests.',
    argument: {
      label: 'Part',
      value: '30%',
      pattern: /^(100|\d{1,2})(\.\d+)?%?$/,
      written: (value) => `${value.replace(/%$/, '')}%`,
      form: 'a percentage such as 30%',
    },
  },
  price: { does: 'Multiplies the prices of a contract.', argument: factor },
  surge: { does: 'Multiplies the demand for a domain.', argument: factor },
};

export const VERB_NAMES = Object.keys(VERBS) as Verb[];

/** Whom `verb` can be done to. */
export function targetsOf(verb: Verb, estate: Estate, state: State): string[] {
  if (verb === 'price') return state.contracts.map((contract) => contract.name);
  if (verb === 'surge') return estate.domains.map((domain) => domain.id);
  // Edges first: they are what one kills to see something.
  const edges = estate.nodes.filter((node) => node.role === 'edge');
  return [...edges, ...estate.nodes.filter((node) => node.role !== 'edge')].map((node) => node.id);
}

/** The fault's text, or what is wrong with it. */
export function faultOf(verb: Verb, target: string, argument: string): { text: string } | { wrong: string } {
  if (!target) return { wrong: 'there is no target' };
  const asked = VERBS[verb].argument;
  if (!asked) return { text: `${verb} ${target}` };
  const value = argument.trim();
  if (!asked.pattern.test(value)) return { wrong: `\`${value}\` is not ${asked.form}` };
  return { text: `${verb} ${target} ${asked.written(value)}` };
}
