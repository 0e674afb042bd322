// Trim handles: the part that is used, with the checks made anew while one moves them.

import * as api from './api.js';
import { h, put, say, field } from './dom.js';
import { t, clock, number, sentence } from './words.js';

/** Shortest part, seconds. */
const SHORTEST = 1;
/** Pause after the last move before the checks are made. */
const SETTLE_MS = 200;

const tenths = (seconds) => `${clock(seconds)}.${Math.floor((seconds % 1) * 10)}`;

export function trimmer(path, found, video, again) {
  const length = found.duration_s;
  const handle = (name, value) => h('input', { type: 'range', name, min: 0, max: length, step: 0.1, value });
  const start = handle('trim-start', found.trim?.clip_start_s ?? 0);
  const end = handle('trim-end', found.trim?.clip_end_s ?? length);
  // The last step of a range may not be its end.
  const until = () => (Number(end.value) > length - 0.1 ? length : Number(end.value));
  const part = () => ({ clip_start_s: Number(start.value), clip_end_s: until() });
  const whole = () => Number(start.value) === 0 && until() === length;
  const words = h('p', { class: 'small', role: 'status', id: 'trim-told' });

  function rules(name, list, judged) {
    if (!list.length) return null;
    return h('div', {}, h('strong', {}, t(name)), h('ul', { class: 'plain' }, list.map((rule) => {
      const verdict = judged.verdicts.find((each) => each.rule === rule);
      return h('li', {}, sentence(verdict));
    })));
  }
  let settling;
  let asked = 0;
  async function judge() {
    const mine = ++asked;
    try {
      const judged = await api.post(`${path}/verdicts`, part());
      if (mine !== asked) return;
      const same = !judged.gained.length && !judged.lost.length;
      put(words, h('span', { class: `tag ${judged.grade}` }, t(judged.grade)), ' ', `${tenths(Number(start.value))}–${tenths(until())} · `,
        t('trimLength', { n: number(until() - Number(start.value), 1), of: number(length, 1) }),
        same ? h('p', { class: 'soft' }, t('trimSame')) : [rules('trimLost', judged.lost, judged), rules('trimGained', judged.gained, judged)]);
    } catch (error) { put(words, error.message); }
  }
  function moved(input, other, sign) {
    // One handle pushes nothing: it stops a second before the other.
    const limit = Number(other.value) + sign * SHORTEST;
    if (sign * (Number(input.value) - limit) < 0) input.value = limit;
    input.setAttribute('aria-valuetext', tenths(Number(input.value)));
    video.currentTime = Math.min(Number(input.value), length - 0.05);
    clearTimeout(settling);
    settling = setTimeout(judge, SETTLE_MS);
  }
  start.addEventListener('input', () => moved(start, end, -1));
  end.addEventListener('input', () => moved(end, start, 1));
  // What is played is what is used.
  video.addEventListener('timeupdate', () => {
    if (!video.paused && !whole() && (video.currentTime >= until() || video.currentTime < Number(start.value) - 0.3)) video.currentTime = Number(start.value);
  });
  const keep = async (trim) => {
    try {
      await api.patch(path, { trim });
      await again();
      say(t('kept'));
    } catch (error) { say(error.message); }
  };
  const save = (event) => {
    event.preventDefault();
    keep(whole() ? null : part());
  };
  if (found.trim) judge();
  return h('details', { open: Boolean(found.trim), id: 'trim' }, h('summary', {}, t('trim')),
    h('form', { onsubmit: save },
      h('p', { class: 'soft small' }, t('trimHelp')), field(t('trimStart'), start), field(t('trimEnd'), end), words,
      h('p', { class: 'row end' }, h('button', { type: 'button', onclick: () => keep(null) }, t('trimWhole')), h('button', {}, t('save')))));
}
