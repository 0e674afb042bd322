// The list of LIVEs, the last one first.

import * as api from './api.js';
import { h, put, safe } from './dom.js';
import { t, money, number, when, length } from './words.js';

export const views = (item) => {
  if (item.totals) {
    const count = item.totals.views ?? item.totals.viewers_peak;
    return count === undefined ? '–' : number(count);
  }
  return item.ranges.views ?? '–';
};

export const gmv = (item) => {
  if (item.totals) return item.totals.gmv ? money(item.totals.gmv) : '–';
  return item.ranges.gmv ?? '–';
};

export const cover = (link, alt) => h('img', { class: 'cover', src: link && safe(link), alt, loading: 'lazy', width: 90, height: 160 });

function card(item) {
  const clips = item.clips === 1 ? t('oneClip') : item.clips ? t('clipCount', { n: item.clips }) : t('noClips');
  const guess = item.totals ? '' : ` (${t('estimated')})`;
  const grades = ['good_case', 'high', 'basic'].map((grade, place) => item.grades[place] > 0 &&
    h('span', { class: `tag ${grade}` }, `${item.grades[place]} ${t(grade)}`));
  return h('li', {}, h('a', { class: 'card live', href: `#live/${api.part(item.session_id)}` },
    item.cover ? cover(item.cover, '') : h('span', { class: 'cover' }),
    h('div', {},
      h('h3', {}, item.session_id),
      h('p', { class: 'soft small' }, item.creator, item.started_at && ` · ${when(item.started_at)}`, ` · ${length(item.duration_s)}`),
      h('p', {}, h('strong', {}, `${t('gmv')} ${gmv(item)}`), guess, h('br'), `${t('views')} ${views(item)}${guess}`),
      h('p', { class: 'row' }, item.clips ? grades : clips))));
}

export async function lives(main, _, { signal }) {
  const first = await api.get('/sessions', { signal });
  const list = h('ul', { class: 'grid' }, first.items.map(card));
  let cursor = first.next_cursor;
  const more = h('button', { type: 'button', hidden: !cursor, onclick: async () => {
    const page = await api.get(`/sessions?cursor=${api.part(cursor)}`, { signal });
    list.append(...page.items.map(card));
    cursor = page.next_cursor;
    more.hidden = !cursor;
  } }, t('more'));
  put(main, h('h1', {}, t('lives')),
    first.items.length ? list : h('p', { class: 'card' }, t('noLives')),
    h('p', { class: 'row end' }, more));
}
