/** The hash of the address: which view, and what is looked at in it. Every place can be linked to. */

export type Subject = 'site' | 'node' | 'link' | 'region';

export interface Selection {
  subject: Subject;
  id: string;
}

export interface Pair {
  group: string;
  domain: string;
}

export type Route =
  | { view: 'map'; selection: Selection | undefined }
  | { view: 'traffic' }
  | { view: 'plan'; pair: Pair | undefined }
  | { view: 'sql'; sql: string | undefined };

export type ViewName = Route['view'];

const SUBJECTS: readonly string[] = ['site', 'node', 'link', 'region'] satisfies Subject[];

/** The route of `hash`; what cannot be read is the map. */
export function routeOf(hash: string): Route {
  const [view = '', first, second] = hash.replace(/^#\/?/, '').split('/').map(decoded);
  switch (view) {
    case 'traffic':
      return { view };
    case 'plan':
      return { view, pair: first && second ? { group: first, domain: second } : undefined };
    case 'sql':
      return { view, sql: first || undefined };
    default:
      return { view: 'map', selection: selectionOf(first, second) };
  }
}

export function hashOf(route: Route): string {
  const parts = [route.view, ...wordsOf(route)];
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export function selectionHash(subject: Subject, id: string): string {
  return hashOf({ view: 'map', selection: { subject, id } });
}

function wordsOf(route: Route): string[] {
  switch (route.view) {
    case 'map':
      return route.selection ? [route.selection.subject, route.selection.id] : [];
    case 'plan':
      return route.pair ? [route.pair.group, route.pair.domain] : [];
    case 'sql':
      return route.sql ? [route.sql] : [];
    case 'traffic':
      return [];
  }
}

function selectionOf(subject: string | undefined, id: string | undefined): Selection | undefined {
  if (!subject || !id || !SUBJECTS.includes(subject)) return undefined;
  return { subject: subject as Subject, id };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
