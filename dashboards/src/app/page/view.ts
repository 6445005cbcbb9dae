import type { TemplateResult } from 'lit-html';
import type { Live } from '../live/live.ts';
import type { Route, ViewName } from '../route.ts';

/** One of the four views. State of its own is what nobody else needs: a sort order, a draft. */
export interface View {
  name: ViewName;
  title: string;
  draw(live: Live, route: Route): TemplateResult;
}

/** Asks for the page to be drawn again. */
export type Redraw = () => void;
