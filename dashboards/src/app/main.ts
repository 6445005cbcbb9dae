/** Wires the page: messages of the daemon, the address and the operator's hand all end in a drawing. */

import './style/page.css';
import './style/map.css';
import './style/traffic.css';
import './style/plan.css';
import './style/sql.css';

import { render } from 'lit-html';
import { followDaemon } from './daemon/follow.ts';
import { after, type Message, nothingYet } from './live/live.ts';
import { mapView } from './map/view.ts';
import { page } from './page/shell.ts';
import { startTheme } from './page/theme.ts';
import { planView } from './plan/view.ts';
import { routeOf } from './route.ts';
import { sqlView } from './sql/view.ts';
import { earlierButton } from './traffic/earlier_button.ts';
import { trafficView } from './traffic/view.ts';

const root = document.getElementById('page');
let live = nothingYet();
let isDrawing = false;

/** Once a frame, however much happened. */
function redraw(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    if (root) render(page(views, live, routeOf(location.hash), redraw), root);
  });
}

function tell(message: Message): void {
  live = after(live, message);
  redraw();
}

const earlier = earlierButton(redraw, tell);
const views = [mapView(redraw, earlier), trafficView(redraw, earlier), planView(redraw), sqlView(redraw)];

startTheme(redraw);
addEventListener('hashchange', redraw);
redraw();
void followDaemon(tell);
