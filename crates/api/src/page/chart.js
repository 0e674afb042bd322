// The course of a LIVE: money as an area, viewers as a line, moments as bands.

import { h, s } from './dom.js';
import { t, clock, number } from './words.js';

const [WIDTH, HEIGHT, BELOW] = [960, 220, 36];

export function chart(live, open) {
  const { chart: course } = live;
  const count = course.gmv.length;
  const duration = Math.max(live.duration_s, 1);
  const x = (second) => (second / duration) * WIDTH;
  const points = (values) => {
    const most = Math.max(...values, 1e-9);
    return values.map((value, step) => [x((step + 0.5) * course.step_s), HEIGHT - (value / most) * (HEIGHT - 12)]);
  };
  const path = (list) => list.map(([a, b], place) => `${place ? 'L' : 'M'}${a.toFixed(1)} ${b.toFixed(1)}`).join('');
  const money = points(course.gmv);
  const area = count ? `M${money[0][0].toFixed(1)} ${HEIGHT}${path(money).replace('M', 'L')}L${money[count - 1][0].toFixed(1)} ${HEIGHT}Z` : '';
  const bands = live.moments.map((moment) => {
    const band = s('rect', { class: moment.clip ? 'band' : 'band tail', x: x(moment.start_s), y: 0, width: Math.max(x(moment.end_s - moment.start_s), 3), height: HEIGHT },
      s('title', {}, `${t('moment', { n: moment.rank })}, ${clock(moment.start_s)}`));
    if (moment.clip) {
      band.style.cursor = 'pointer';
      band.addEventListener('click', () => open(moment));
    }
    return band;
  });
  const ticks = [0, 0.5, 1].map((share) => s('text', {
    x: share * WIDTH, y: HEIGHT + 29, 'text-anchor': share === 0 ? 'start' : share === 1 ? 'end' : 'middle',
  }, clock(share * duration)));
  const picture = s('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT + BELOW}`, role: 'img', 'aria-label': t('chartHelp') },
    bands, s('path', { class: 'area', d: area }), s('path', { class: 'line', d: path(money) }),
    s('path', { class: 'line second', d: path(points(course.viewers)) }),
    s('path', { class: 'axis', d: `M0 ${HEIGHT}H${WIDTH}` }), ticks);
  const unit = live.chart_is_relative ? t('chartShare') : t('chartOf', { unit: course.currency ?? '', step: number(course.step_s) });
  // Few rows: a screen reader goes through all of them.
  const every = Math.max(1, Math.ceil(count / 24));
  const sum = (values, from) => values.slice(from, from + every).reduce((a, b) => a + b, 0);
  const rows = [];
  for (let step = 0; step < count; step += every) {
    const steps = Math.min(every, count - step);
    const share = live.chart_is_relative ? steps : 1;
    rows.push(h('tr', {}, h('td', {}, clock(step * course.step_s)), h('td', {}, number(sum(course.gmv, step) / share, 2)), h('td', {}, number(sum(course.viewers, step) / steps, live.chart_is_relative ? 2 : 0))));
  }
  return h('div', { class: 'card' }, picture,
    h('p', { class: 'legend' }, h('span', {}, h('i'), unit), h('span', {}, h('i', { class: 'second' }), t('viewers')), h('span', {}, h('i', { class: 'band' }), t('momentBand'))),
    h('details', {}, h('summary', {}, t('asTable')), h('table', {}, h('thead', {}, h('tr', {}, [t('time'), unit, t('viewers')].map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows))));
}
