/** What the daemon's API says, as it says it: names and units are the daemon's. */

export type Health = 'unknown' | 'up' | 'degraded' | 'down';
export type Role = 'origin' | 'mid' | 'edge';

export interface Site {
  id: string;
  kind: string;
  region: string;
  provider: string;
  contract: string | null;
}

export interface Node {
  id: string;
  site: string;
  role: Role;
  capacity_bps: number;
}

export interface Link {
  id: string;
  from: string;
  to: string;
  kind: string;
  provider: string;
  capacity_bps: number;
}

export interface Group {
  id: string;
  region: string;
  isp: string;
}

export interface Domain {
  id: string;
  customer: string;
  latency_max_ms: number;
}

/** `GET /api/v1/estate`: what there is. */
export interface Estate {
  providers: string[];
  sites: Site[];
  nodes: Node[];
  links: Link[];
  groups: Group[];
  domains: Domain[];
}

export interface Plan {
  /** `epoch.generation`. */
  number: string;
  reason: string;
  made_at_ms: number;
  out_of_service: string[];
  split_pairs: number;
  cost: number | null;
}

export interface Seen {
  id: string;
  health: Health;
}

export interface Load {
  id: string;
  planned_mbps: number;
  capacity_mbps: number;
}

/** A site and its part of a demand, 0 to 1. */
export type Share = [site: string, part: number];

export interface Demand {
  group: string;
  domain: string;
  mbps: number;
  shares: Share[];
}

export interface Contract {
  name: string;
  kind: string;
  /** Decimal as text: money is never a float. */
  month_to_date: string;
  forecast: string;
  currency: string;
  headroom_mbps: number | null;
  free_slots: number | null;
}

/** `GET /api/v1/state` and the event `state`: how it is. */
export interface State {
  time_ms: number;
  plan: Plan | null;
  nodes: Seen[];
  links: Seen[];
  sites: Load[];
  demand: Demand[];
  contracts: Contract[];
  requests: number;
  failed_requests: number;
  faults: string[];
  /** Whether faults can be injected. */
  is_demo: boolean;
}

/** The event `finding`. */
export interface Finding {
  time_ms: number;
  number: number;
  subject: string;
  id: string;
  kind: string;
  text: string;
}

/** The event `plan`. */
export interface Published {
  time_ms: number;
  number: string;
  reason: string;
  out_of_service: string[];
}
