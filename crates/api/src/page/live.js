// One LIVE: what it brought, its course, its moments, and what the platform advises.

import * as api from './api.js';
import { h, put, say, field } from './dom.js';
import { t, money, number, when, length, clock } from './words.js';
import { chart } from './chart.js';
import { cover, gmv, views } from './lives.js';

export const cause = (causes) => causes[0] && t('due', { cause: t(`C_${causes[0].cause}`), percent: Math.round(causes[0].probability * 100) });

export const reasons = (why) => why.map((reason) => {
  const signal = t(`G_${reason.signal}`);
  if (reason.ratio !== undefined) return t('times', { signal, ratio: number(reason.ratio, 1) });
  if (reason.observed === undefined) return signal;
  return t('seen', { signal, observed: number(reason.observed, 1), expected: number(reason.expected, 1) });
}).map((text) => h('li', {}, text));

function moment(live, item) {
  const brought = item.gmv.length ? item.gmv.map(money).join(', ') : item.gmv_ranges.join(', ');
  const titles = item.product_ids.map((id) => live.products.find((product) => product.id === id)?.title ?? id);
  const to = item.clip && `#live/${api.part(live.session_id)}/clip/${api.part(item.clip.clip_id)}`;
  return h('li', { class: 'card moment' },
    item.clip ? h('a', { href: to, tabindex: '-1', 'aria-hidden': 'true' }, cover(item.clip.cover, '')) : h('span', { class: 'cover' }),
    h('div', {},
      h('h3', {}, t('moment', { n: item.rank }), ' ', item.clip ? h('span', { class: `tag ${item.clip.grade}` }, t(item.clip.grade)) : h('span', { class: 'tag' }, t('notClipped'))),
      h('p', { class: 'soft small' }, `${clock(item.start_s)}–${clock(item.end_s)}`, !item.confident && ` · ${t('weak')}`),
      titles.length > 0 && h('p', {}, titles.slice(0, 2).join(', ')),
      h('p', { class: 'small' }, [cause(item.causes), brought && t('brought', { gmv: brought })].filter(Boolean).join('. ')),
      h('ul', { class: 'small soft' }, reasons(item.why.slice(0, 3))),
      item.not_clipped && h('p', { class: 'small' }, item.not_clipped.detail),
      item.clip && h('a', { class: 'button', href: to }, t('openClip'), h('span', { class: 'soft small' }, clock(item.clip.end_s - item.clip.start_s)))));
}

function takedown(live) {
  const reason = h('input', { type: 'text', maxlength: 1000 });
  const dialog = h('dialog', { 'aria-label': t('takedown') },
    h('h2', {}, t('takedown')), h('p', {}, t('takedownAsk')), field(t('takedownReason'), reason),
    h('p', { class: 'row end' },
      h('button', { type: 'button', onclick: () => dialog.close() }, t('cancel')),
      h('button', { type: 'button', class: 'danger', id: 'takedown-yes', onclick: async (event) => {
        event.target.disabled = true;
        try {
          const done = await api.post('/takedowns', { creator: live.creator, session_id: live.session_id, reason: reason.value });
          dialog.close();
          location.hash = '';
          say(t('takedownDone', { n: done.objects }));
        } catch (error) {
          event.target.disabled = false;
          say(error.message);
        }
      } }, t('takedown'))));
  return [dialog, h('button', { type: 'button', class: 'danger', id: 'takedown', onclick: () => dialog.showModal() }, t('takedown'))];
}

export async function live(main, [session], { me, signal }) {
  const found = await api.get(`/sessions/${api.part(session)}`, { signal });
  const { totals } = found;
  const guess = totals ? '' : ` (${t('estimated')})`;
  const figures = [
    [t('gmv') + guess, gmv(found)],
    totals?.net_gmv && [t('netGmv'), money(totals.net_gmv)],
    [t('orders') + guess, totals ? number(totals.orders) : found.ranges.orders],
    [t('views') + guess, views(found)],
    totals?.viewers_peak !== undefined && totals && [t('peak'), number(totals.viewers_peak)],
    totals && [t('likes'), number(totals.likes)],
    totals && [t('comments'), number(totals.comments)],
    [t('clips'), number(found.clips)],
  ].filter(Boolean);
  const open = (item) => { location.hash = `live/${api.part(session)}/clip/${api.part(item.clip.clip_id)}`; };
  put(main,
    h('nav', { class: 'crumbs' }, h('a', { href: '#' }, t('lives'))),
    h('h1', {}, found.session_id),
    h('p', { class: 'soft' }, found.creator, found.started_at && ` · ${when(found.started_at)}`, ` · ${length(found.duration_s)}`),
    h('dl', { class: 'figures' }, figures.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    found.chart.gmv.length > 0 && [h('h2', {}, t('course')), chart(found, open)],
    h('h2', {}, t('moments')),
    h('ol', { class: 'grid' }, found.moments.filter((item) => item.confident || item.clip).map((item) => moment(found, item))),
    h('h2', {}, t('practices')),
    h('ul', { class: 'verdicts card' }, found.best_practices.map((practice) => h('li', {},
      h('span', { class: `tag ${practice.verdict}` }, t(practice.verdict)), h('strong', {}, t(`P_${practice.name}`)),
      h('span', { class: 'why small soft' }, practice.detail)))),
    me.role === 'owner' && h('p', { class: 'row end' }, takedown(found)));
}
