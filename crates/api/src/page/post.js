// Posts a remix through the platform's API: the account's own choices, none made for the seller.

import * as api from './api.js';
import { h, put, say, field } from './dom.js';
import { t, when } from './words.js';

/** What posts through the platform may carry. */
export const NEUTRAL = ['captions', 'arrow', 'zoom', 'music'];

const check = (name, words, attributes = {}) => {
  const box = h('input', { type: 'checkbox', name, ...attributes });
  return { box, view: h('label', { class: 'check' }, box, words) };
};

/** The button that opens the form, and what lies below it; null where there is no account. */
export async function poster(path, remix, signal) {
  const accounts = (await api.get('/accounts', { signal })).items;
  if (!accounts.length) return null;
  const list = h('div', { id: 'posts' });
  const draw = async () => {
    const posts = (await api.get(`${path}/posts`, { signal })).items;
    put(list, posts.length > 0 && [h('h2', {}, t('posts')), h('ul', { class: 'verdicts card' }, posts.map((post) => h('li', {},
      h('span', { class: `tag ${{ published: 'pass', failed: 'fail' }[post.state] ?? 'unknown'}` }, t(`PS_${post.state}`)),
      h('span', {}, post.wish.account, ' · ', t(`PR_${post.wish.privacy}`), ' · ', when(post.at)),
      post.reason && h('span', { class: 'why small' }, t('postFailed', { reason: post.reason })))))]);
  };
  await draw();
  if (remix.effects.some((effect) => !NEUTRAL.includes(effect))) {
    return { view: h('div', {}, h('p', { class: 'soft small' }, t('postBranded')), list) };
  }

  const account = h('select', { name: 'account' }, accounts.map((each) => h('option', { value: each.name }, each.name)));
  const as = h('p', { class: 'soft small', role: 'status' });
  const privacy = h('select', { name: 'privacy', required: true });
  const caption = h('textarea', { name: 'post-caption', maxlength: 2200, value: [remix.post.caption, remix.post.hashtags.join(' ')].filter(Boolean).join('\n\n') });
  // Nothing is allowed unless the seller says so: the platform's guidelines want it.
  const comment = check('allow-comment', t('allowComment'));
  const duet = check('allow-duet', t('allowDuet'));
  const stitch = check('allow-stitch', t('allowStitch'));
  const own = check('own-business', t('ownBusiness'));
  const paid = check('paid', t('paid'));
  const submit = h('button', { class: 'main', id: 'post-yes' }, t('post_'));
  const bar = h('progress', { max: 1, hidden: true, 'aria-label': t('post_') });
  const told = h('p', { role: 'status' });

  const load = async () => {
    submit.disabled = true;
    put(as, t('loading'));
    try {
      const info = await api.get(`/accounts/${api.part(account.value)}`, { signal });
      put(as, t('postAs', { name: info.nickname || info.username }), !info.audited && ` · ${t('unaudited')}`);
      put(privacy, h('option', { value: '' }, t('choose')), info.privacy.map((value) => h('option', { value }, t(`PR_${value}`))));
      for (const [each, off] of [[comment, info.comment_disabled], [duet, info.duet_disabled], [stitch, info.stitch_disabled]]) each.box.disabled = off;
      submit.disabled = false;
    } catch (error) {
      if (error.name !== 'AbortError') put(as, error.message);
    }
  };
  account.addEventListener('change', load);

  // One wish, one key: pressing twice posts once.
  const key = { text: '', of: '' };
  const go = async (event) => {
    event.preventDefault();
    const wish = {
      account: account.value, privacy: privacy.value, caption: caption.value,
      disable_comment: !comment.box.checked, disable_duet: !duet.box.checked, disable_stitch: !stitch.box.checked,
      own_business: own.box.checked, paid_partnership: paid.box.checked,
    };
    if (JSON.stringify(wish) !== key.of) Object.assign(key, { of: JSON.stringify(wish), text: crypto.getRandomValues(new Uint32Array(4)).join('-') });
    submit.disabled = true;
    bar.hidden = false;
    try {
      const job = await api.post(`${path}/posts`, wish, { 'Idempotency-Key': key.text });
      const ended = await api.follow(job.job_id, (now) => {
        if (now.share === undefined) bar.removeAttribute('value'); else bar.value = now.share;
        put(told, now.state === 'leased' && now.stage ? t(`S_${now.stage}`) : t(`J_${now.state}`), now.error ? `: ${now.error}` : '');
      }, signal);
      if (ended.state === 'done') {
        const failed = ended.post_state === 'failed';
        put(told, failed ? t('postFailed', { reason: ended.post_reason ?? '' }) : t('postDone'));
        if (!failed) dialog.close();
        say(told.textContent);
      }
      await draw();
    } catch (error) {
      if (error.name !== 'AbortError') put(told, error.message);
    }
    bar.hidden = true;
    submit.disabled = false;
  };
  const dialog = h('dialog', { 'aria-label': t('post_'), id: 'post-dialog' },
    h('form', { onsubmit: go }, h('h2', {}, t('post_')),
      field(t('account'), account), as, field(t('privacy'), privacy), field(t('caption'), caption),
      comment.view, duet.view, stitch.view, own.view, paid.view,
      h('p', { class: 'soft small' }, t('consent')), bar, told,
      h('p', { class: 'row end' }, h('button', { type: 'button', onclick: () => dialog.close() }, t('cancel')), submit)));
  const button = h('button', { type: 'button', class: 'main', id: 'post-open', onclick: () => { dialog.showModal(); load(); } }, t('post_'));
  return { button, view: h('div', {}, dialog, list) };
}
