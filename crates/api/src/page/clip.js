// A clip: played, graded, with the reasons; thumbs, texts of the post, the right product.

import * as api from './api.js';
import { h, put, say, field, safe } from './dom.js';
import { t, clock, language, number, sentence } from './words.js';
import { cause, reasons } from './live.js';
import { cover } from './lives.js';
import { trimmer } from './trim.js';

export const tag = (grade) => h('span', { class: `tag ${grade}` }, t(grade));

export const where = (session, clip) => `/sessions/${api.part(session)}/clips/${api.part(clip)}`;

/** Downloads go to the file itself; its name says what it is. */
export const download = (link) => safe(link.startsWith('/media/') ? `${link}?download` : link);

export function verdicts(list) {
  const order = [['fail', 'failing', true], ['unknown', 'unsure', false], ['pass', 'passing', false]];
  return order.map(([verdict, words, open]) => {
    const of = list.filter((item) => item.verdict === verdict);
    if (!of.length) return null;
    return h('details', { open }, h('summary', {}, t(words, { n: of.length })),
      h('ul', { class: 'verdicts' }, of.map((item) => h('li', {},
        h('span', { class: `tag ${item.verdict}` }, t(`V_${item.verdict}`)),
        h('span', {}, sentence(item), item.tier === 'advice' && h('span', { class: 'soft small' }, ` (${t('advice')})`)),
        h('span', { class: 'why small soft' }, item.rule, item.measured !== undefined && ` · ${number(item.measured, 2)} ${item.unit ?? ''}`, item.threshold && ` · ${item.threshold}`)))));
  });
}

function thumbs(path, found) {
  const button = (rating, sign) => h('button', {
    type: 'button', 'aria-pressed': String(found.rating === rating), 'data-rating': rating,
    onclick: async () => {
      const wish = found.rating === rating ? null : rating;
      try {
        found.rating = (await api.patch(path, { rating: wish })).rating;
        for (const each of row.children) each.setAttribute('aria-pressed', String(each.dataset.rating === found.rating));
        say(t('kept'));
      } catch (error) { say(error.message); }
    },
  }, sign, ' ', t(rating));
  const row = h('div', { class: 'row' }, button('up', '👍'), button('down', '👎'));
  return row;
}

function product(path, live, found, again) {
  const choice = h('select', {}, h('option', { value: '' }, t('noProduct')),
    live.products.map((each) => h('option', { value: each.id, selected: each.id === found.products[0]?.id }, each.title)));
  const save = async (event) => {
    event.preventDefault();
    try {
      await api.patch(path, { product_ids: choice.value ? [choice.value] : [] });
      await again();
      say(t('productKept'));
    } catch (error) { say(error.message); }
  };
  return [
    h('p', {}, found.products.length ? found.products.map((each) => each.title).join(', ') : t('noProduct')),
    h('details', { id: 'wrong-product' }, h('summary', {}, t('wrongProduct')),
      h('form', { onsubmit: save }, field(t('chooseProduct'), choice), h('p', { class: 'row end' }, h('button', {}, t('save'))))),
  ];
}

function post(path, found, again) {
  const title = h('input', { type: 'text', maxlength: 150, value: found.post.title, name: 'title' });
  const caption = h('textarea', { maxlength: 2200, value: found.post.caption, name: 'caption' });
  const tags = h('input', { type: 'text', value: found.post.hashtags.join(' '), name: 'hashtags' });
  const keep = async (change) => {
    try {
      await api.patch(path, { post: change });
      await again();
      say(t('kept'));
    } catch (error) { say(error.message); }
  };
  const save = (event) => {
    event.preventDefault();
    const hashtags = tags.value.split(/\s+/).filter(Boolean).map((word) => (word.startsWith('#') ? word : `#${word}`));
    keep({ title: title.value, caption: caption.value, hashtags });
  };
  const copy = async () => {
    await navigator.clipboard.writeText([title.value, caption.value, tags.value].filter(Boolean).join('\n\n'));
    say(t('copied'));
  };
  return h('form', { class: 'card', id: 'post', onsubmit: save },
    field(t('title'), title), field(t('caption'), caption), field(t('hashtags'), tags, t('hashtagsHint')),
    h('p', { class: 'row end' },
      h('button', { type: 'button', onclick: () => keep(null) }, t('suggested')),
      navigator.clipboard && h('button', { type: 'button', onclick: copy }, t('copy')),
      h('button', { class: 'main' }, t('save'))));
}

export async function clip(main, [session, id], { me, signal }) {
  const path = where(session, id);
  const [live, remixes] = await Promise.all([
    api.get(`/sessions/${api.part(session)}`, { signal }), api.get(`${path}/remixes`, { signal })]);
  const owner = me.role === 'owner';
  const draw = async () => {
    const found = await api.get(path, { signal });
    const film = h('video', { src: safe(found.media.video), poster: safe(found.media.cover), controls: true, playsinline: true, preload: 'metadata' });
    const to = `#live/${api.part(session)}/clip/${api.part(id)}`;
    put(main,
      h('nav', { class: 'crumbs' }, h('a', { href: '#' }, t('lives')), ' › ', h('a', { href: `#live/${api.part(session)}` }, session)),
      h('h1', {}, found.post.title || t('clip')),
      h('div', { class: 'two' },
        h('div', { class: 'stay' },
          film,
          h('p', { class: 'row' },
            owner && h('a', { class: 'button main', href: `${to}/edit`, id: 'quick-edit' }, t('quickEdit')),
            h('a', { class: 'button', href: download(found.media.video) }, t('download'))),
          owner && thumbs(path, found),
          owner && trimmer(path, found, film, draw)),
        h('div', {},
          h('p', { class: 'row' }, tag(found.grade), found.grade_after_remix !== found.grade && h('span', { class: 'soft' }, t('afterRemix', { grade: t(found.grade_after_remix) }))),
          h('p', { class: 'soft' }, t('fromTo', { from: clock(found.start_s), to: clock(found.end_s) }), ` · ${number(found.duration_s, 1)} s · ${found.width}×${found.height}`),
          h('h2', {}, t('why')), h('p', {}, cause(found.causes)), h('ul', { class: 'plain' }, reasons(found.why)),
          h('h2', {}, t('product')), owner ? product(path, live, found, draw) : h('p', {}, found.products.map((each) => each.title).join(', ')),
          h('h2', {}, t('verdicts')), verdicts(found.verdicts),
          owner && [h('h2', {}, t('post')), post(path, found, draw)],
          found.words.length > 0 && h('details', {}, h('summary', {}, t('said')), h('p', { lang: found.languages[0] ?? language }, found.words.map((word) => word.text).join(' '))),
          h('h2', {}, t('remixes')),
          remixes.items.length ? h('ul', { class: 'picks' }, remixes.items.map((remix) => h('li', { class: 'card' },
            h('a', { href: `${to}/remix/${api.part(remix.remix_id)}` }, cover(remix.media.cover, ''), remix.template), ' ', remix.grade && tag(remix.grade))))
            : h('p', { class: 'soft' }, t('noRemixes')))));
  };
  await draw();
}
