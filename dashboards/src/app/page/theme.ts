/** Light and dark: the system's choice until the operator makes one. */

export type Theme = 'system' | 'light' | 'dark';

const THEME_KEY = 'weir.theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

/** Colours that charts need as values; the style sheet owns them. */
export interface Palette {
  text: string;
  muted: string;
  line: string;
  surface: string;
  accent: string;
  flow: string;
  up: string;
  degraded: string;
  down: string;
  unknown: string;
  /** A canvas knows no `inherit`. */
  font: string;
}

const TOKENS: readonly Exclude<keyof Palette, 'font'>[] = [
  'text', 'muted', 'line', 'surface', 'accent', 'flow', 'up', 'degraded', 'down', 'unknown',
];

let known: Palette | undefined;

/** Applies the stored theme; `changed` is called whenever colours are others. */
export function startTheme(changed: () => void): void {
  apply(storedTheme());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    known = undefined;
    changed();
  });
}

export function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME_KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

/** Goes on to the next theme. */
export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(storedTheme()) + 1) % ORDER.length] ?? 'system';
  localStorage.setItem(THEME_KEY, next);
  apply(next);
}

function apply(theme: Theme): void {
  known = undefined;
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

/** The colours of the theme in force. */
export function palette(): Palette {
  known ??= measured();
  return known;
}

/** A custom property says `light-dark(..)`; only a property that uses it says which of the two. */
function measured(): Palette {
  const probe = document.body.appendChild(document.createElement('i'));
  const colours = TOKENS.map((token) => {
    probe.style.color = `var(--${token})`;
    return [token, getComputedStyle(probe).color];
  });
  probe.remove();
  return { ...Object.fromEntries(colours), font: getComputedStyle(document.body).fontFamily } as Palette;
}
