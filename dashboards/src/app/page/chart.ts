/** ECharts as a lit directive: `<div ${chart(option)}></div>`. Only what is used gets bundled. */

import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent, TooltipComponent } from 'echarts/components';
import { type ECharts, type EChartsCoreOption, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { noChange } from 'lit-html';
import { AsyncDirective, directive } from 'lit-html/async-directive.js';
import type { ElementPart } from 'lit-html/directive.js';

use([CustomChart, LineChart, GridComponent, LegendComponent, TitleComponent, TooltipComponent, CanvasRenderer]);

/** What was clicked: the series' id and the place in its data. */
export type Clicked = (seriesId: string, dataIndex: number) => void;

/** Parts that come and go with the data; the rest of an option is merged. */
const REPLACED = ['series', 'title', 'grid', 'xAxis', 'yAxis'];

class ChartDirective extends AsyncDirective {
  private chart: ECharts | undefined;
  private observer: ResizeObserver | undefined;
  private element: HTMLElement | undefined;
  private option: EChartsCoreOption | undefined;
  private clicked: Clicked | undefined;

  override render(_option: EChartsCoreOption, _clicked?: Clicked): unknown {
    return noChange;
  }

  override update(part: ElementPart, [option, clicked]: [EChartsCoreOption, Clicked?]): unknown {
    this.clicked = clicked;
    const isNew = option !== this.option;
    this.option = option;
    if (!this.observer) this.observe(part.element as HTMLElement);
    else if (isNew) this.show();
    return noChange;
  }

  /** The first measure comes when the element is in the page: before that a chart has no size. */
  private observe(element: HTMLElement): void {
    this.element = element;
    this.observer = new ResizeObserver(() => {
      if (element.clientWidth === 0 || element.clientHeight === 0) return;
      if (this.chart) this.chart.resize();
      else this.begin(element);
    });
    this.observer.observe(element);
  }

  private begin(element: HTMLElement): void {
    this.chart = init(element);
    this.chart.on('click', (event) => this.clicked?.(event.seriesId ?? '', event.dataIndex));
    this.show();
  }

  private show(): void {
    if (this.option) this.chart?.setOption(this.option, { replaceMerge: REPLACED });
  }

  protected override disconnected(): void {
    this.observer?.disconnect();
    this.observer = undefined;
    this.chart?.dispose();
    this.chart = undefined;
  }

  protected override reconnected(): void {
    if (this.element) this.observe(this.element);
  }
}

export const chart = directive(ChartDirective);

/** A tooltip's content as nodes: names come from files that others write, so never as HTML. */
export function tooltipLines(title: string, lines: readonly string[]): HTMLElement {
  const box = document.createElement('div');
  const heading = document.createElement('strong');
  heading.textContent = title;
  box.append(heading);
  for (const line of lines) {
    const row = document.createElement('div');
    row.textContent = line;
    box.append(row);
  }
  return box;
}
