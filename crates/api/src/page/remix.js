// A remix under way, and the finished one beside the clip it was made from.

import * as api from './api.js';
import { h, put, say, safe } from './dom.js';
import { t, number } from './words.js';
import { download, tag, verdicts, where } from './clip.js';
import { poster } from './post.js';

export async function making(main, [session, id, jobId], { signal }) {
  const base = `live/${api.part(session)}/clip/${api.part(id)}`;
  const bar = h('progress', { max: 1, 'aria-label': t('making') });
  const words = h('p', { role: 'status' });
  const stop = h('button', { type: 'button', id: 'stop', onclick: async () => {
    stop.disabled = true;
    try { await api.remove(`/jobs/${api.part(jobId)}`); } catch (error) { stop.disabled = false; say(error.message); }
  } }, t('stop'));
  const actions = h('p', { class: 'row end' }, stop);
  put(main,
    h('nav', { class: 'crumbs' }, h('a', { href: `#${base}` }, t('backToClip'))),
    h('h1', {}, t('making')), h('div', { class: 'card' }, bar, words, actions));
  const tell = (job) => {
    if (job.share === undefined) bar.removeAttribute('value'); else bar.value = job.share;
    const stage = job.state === 'leased' && job.stage ? t(`S_${job.stage}`) : t(`J_${job.state}`);
    put(words, stage, job.state === 'parked' && job.error ? `: ${job.error}` : '');
  };
  // Shown at once; the job goes on beside.
  api.follow(jobId, tell, signal).then((job) => {
    if (job.state === 'done' && job.remix_id) {
      location.replace(`#${base}/remix/${api.part(job.remix_id)}`);
      return;
    }
    put(actions, h('a', { class: 'button main', href: `#${base}/edit` }, t('again')));
    if (job.state === 'cancelled') put(words, t('stopped'));
    bar.hidden = true;
  }).catch((error) => {
    if (error.name !== 'AbortError') put(words, error.status === 404 ? t('gone') : error.message);
  });
}

export async function made(main, [session, id, remixId], { me, signal }) {
  const path = where(session, id);
  const [clip, remix] = await Promise.all([
    api.get(path, { signal }), api.get(`${path}/remixes/${api.part(remixId)}`, { signal })]);
  const base = `live/${api.part(session)}/clip/${api.part(id)}`;
  const posting = me.role === 'owner' ? await poster(`${path}/remixes/${api.part(remixId)}`, remix, signal) : null;
  const film = (media, name, attributes) => h('figure', {}, h('figcaption', {}, name),
    h('video', { src: safe(media.video), poster: safe(media.cover), controls: true, playsinline: true, preload: 'metadata', ...attributes }));
  const { loudness } = remix;
  const gap = loudness?.speech_lufs !== undefined && loudness?.music_lufs !== undefined && loudness.speech_lufs - loudness.music_lufs;
  put(main,
    h('nav', { class: 'crumbs' }, h('a', { href: `#${base}` }, t('backToClip'))),
    h('h1', {}, t('result')),
    h('div', { class: 'pair' }, film(clip.media, t('before')), film(remix.media, t('after'), { id: 'remix' })),
    h('p', { class: 'row end' },
      h('a', { class: 'button', href: `#${base}/edit` }, t('again')),
      h('a', { class: posting?.button ? 'button' : 'button main', id: 'download', href: download(remix.media.video) }, t('download')),
      posting?.button),
    posting?.view,
    h('p', { class: 'row' }, remix.grade && tag(remix.grade), h('span', { class: 'soft' }, `${remix.template} · ${number(remix.duration_s, 1)} s · ${remix.width}×${remix.height}`)),
    loudness && h('p', { class: 'soft' }, t('loudness', { lufs: number(loudness.integrated_lufs, 1), peak: number(loudness.true_peak_dbtp, 1) }), gap && `, ${t('speechOver', { lu: number(gap, 1) })}`),
    remix.music && h('p', { class: 'soft' }, t('musicBy', remix.music)),
    remix.notes.length > 0 && [h('h2', {}, t('notes')), h('ul', { class: 'plain' }, remix.notes.map((note) => h('li', {}, note)))],
    h('h2', {}, t('verdicts')), verdicts(remix.verdicts));
}
