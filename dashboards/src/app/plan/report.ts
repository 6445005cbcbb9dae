/** What a plan looked at for one pair: candidates from `plan.reports`, or the shares when there is no SQL. */

import { quoted, type Result } from '../daemon/query.ts';
import type { Demand } from '../daemon/schema.ts';
import type { Pair } from '../route.ts';

export interface Candidate {
  site: string;
  verdict: string;
  /** Part of the demand, 0 to 1. */
  share: number;
  /** `undefined`: out of reach. */
  latency_ms: number | undefined;
  /** What one more Mbit/s a month would cost; `undefined`: it may not serve. */
  marginal_cost: number | undefined;
}

export interface Report {
  /** The plan that weighed the candidates: a failover plan weighs none, it follows prepared lists. */
  plan: string;
  candidates: Candidate[];
}

/** The question that `weir plan explain` asks. */
export function reportQuery({ group, domain }: Pair): string {
  const pair = `client_group = ${quoted(group)} AND domain = ${quoted(domain)}`;
  return `SELECT plan, site, verdict, share, latency_ms, marginal_cost
FROM plan.reports
WHERE ${pair}
  AND time = (SELECT max(time) FROM plan.reports WHERE ${pair})
ORDER BY share DESC, marginal_cost`;
}

/** The report in the rows that answer `reportQuery`; `undefined` when there are none. */
export function reportOf(result: Result): Report | undefined {
  const plan = result.rows[0]?.[0];
  if (plan === undefined) return undefined;
  const candidates = result.rows.map(([, site, verdict, share, latency, cost]) => ({
    site: String(site),
    verdict: String(verdict),
    share: finite(share) ?? 0,
    latency_ms: finite(latency),
    marginal_cost: finite(cost),
  }));
  return { plan: String(plan), candidates: candidates.sort(bySuitability) };
}

/** What is known without SQL: who serves. */
export function candidatesOf(demand: Demand): Candidate[] {
  const chosen = demand.shares.map(([site, share]) => ({
    site,
    verdict: 'chosen',
    share,
    latency_ms: undefined,
    marginal_cost: undefined,
  }));
  return chosen.sort(bySuitability);
}

function bySuitability(a: Candidate, b: Candidate): number {
  return b.share - a.share || (a.marginal_cost ?? Infinity) - (b.marginal_cost ?? Infinity);
}

/** SQL says NaN as text, or not at all. */
function finite(value: unknown): number | undefined {
  const number = value === null || value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
}

const REASONS: Record<string, string> = {
  chosen: 'serves',
  dearer: 'may serve, but others are cheaper or nearer',
  full: 'may serve, but it is full',
  not_offered: 'the domain is not offered there',
  provider_restricted: 'its provider takes no new traffic',
  residency: 'the domain’s data may not be served from its zone',
  unreachable: 'the group does not reach it',
  too_far: 'beyond the latency objective, and nearer sites can serve',
  out_of_service: 'none of its edges is in service',
  no_route: 'no route leads from it to an origin of the domain',
};

/** Why a candidate got what it got. */
export function reasonOf(verdict: string): string {
  return REASONS[verdict] ?? verdict.replaceAll('_', ' ');
}
