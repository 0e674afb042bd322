// Quick post edit: a template with a live preview, a LIVE to invite to or none, what is added.

import * as api from './api.js';
import { h, s, put, say, field } from './dom.js';
import { t, clock, language, when } from './words.js';
import { where } from './clip.js';
import { NEUTRAL } from './post.js';

/** Texts that a seller may write. */
const OWN = ['hook', 'name', 'price', 'call_to_action', 'brand'];
/** Pause after the last change before a preview is drawn. */
const SETTLE_MS = 250;

function templates(list, changed) {
  return h('fieldset', { class: 'picks' }, h('legend', {}, h('h2', {}, t('template'))), list.map((each, place) => {
    const width = 100 / each.colours.length;
    const swatch = s('svg', { viewBox: '0 0 100 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      each.colours.map((colour, index) => s('rect', { x: index * width, width: width + 0.5, height: 28, fill: colour })));
    return h('label', { class: 'card pick' },
      h('input', { type: 'radio', name: 'template', value: each.name, checked: place === 0, onchange: changed }),
      h('span', { class: 'swatch' }, swatch), each.title[language] ?? each.title.en,
      h('span', { class: 'small soft' }, each.about[language] ?? each.about.en));
  }));
}

function planPicker(plans, changed, keep) {
  const choice = h('select', { name: 'plan' }, h('option', { value: '' }, t('skipPlan')),
    plans.map((plan) => h('option', { value: plan.id }, `${plan.title} · ${when(plan.starts_at)}`)),
    h('option', { value: '+' }, t('newPlan')));
  const title = h('input', { type: 'text', maxlength: 120, name: 'plan-title' });
  const start = h('input', { type: 'datetime-local', name: 'plan-start' });
  const save = h('button', { type: 'button', id: 'plan-save', onclick: async () => {
    if (!title.value.trim() || !start.value) return (title.value.trim() ? start : title).focus();
    const id = `plan-${Date.now().toString(36)}`;
    try {
      const plan = await api.put(`/plans/${id}`, {
        title: title.value, starts_at: new Date(start.value).toISOString(),
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      });
      choice.insertBefore(h('option', { value: plan.id }, `${plan.title} · ${when(plan.starts_at)}`), choice.lastChild);
      choice.value = plan.id;
      fresh.hidden = true;
      keep(plan);
      changed();
    } catch (error) { say(error.message); }
  } }, t('save'));
  const fresh = h('div', { class: 'card', hidden: true }, field(t('planTitle'), title), field(t('planStart'), start), h('p', { class: 'row end' }, save));
  choice.addEventListener('change', () => {
    fresh.hidden = choice.value !== '+';
    if (fresh.hidden) changed(); else title.focus();
  });
  return { choice, view: [field(t('plan'), choice), fresh] };
}

export async function edit(main, [session, id], { signal }) {
  const path = where(session, id);
  const [found, choices, plans] = await Promise.all([
    api.get(path, { signal }), api.get('/templates', { signal }), api.all('/plans')]);
  const coming = plans.filter((plan) => new Date(plan.starts_at) > new Date());

  const length = found.trim ? found.trim.clip_end_s - found.trim.clip_start_s : found.duration_s;
  const picture = h('img', { alt: '', src: found.media.cover });
  const over = h('span', { class: 'over', hidden: true }, t('previewBusy'));
  const frame = h('div', { class: 'preview', id: 'preview' }, picture, over);
  const at = h('input', { type: 'range', min: 0, max: length.toFixed(1), step: 0.1, value: (length * 0.4).toFixed(1), oninput: changed });
  const clockAt = h('output', { class: 'small soft' });

  const target = h('select', { name: 'target', onchange: () => { fit(); changed(); } },
    h('option', { value: 'download' }, t('forDownload')), h('option', { value: 'platform_api' }, t('forApi')));
  const picks = templates(choices.items, () => { fit(); changed(); });
  const picker = planPicker(coming, changed, () => say(t('kept')));
  const effects = new Map(['hook', 'name', 'price', 'captions', 'call_to_action', 'plan', 'brand', 'arrow', 'zoom', 'music'].map((name) =>
    [name, h('input', { type: 'checkbox', checked: true, name: `effect-${name}`, onchange: changed })]));
  const rows = [...effects].map(([name, box]) => h('label', { class: 'check' }, box, t(`E_${name}`)));
  const texts = new Map(OWN.map((name) => [name, h('input', { type: 'text', maxlength: 200, name: `text-${name}`, oninput: changed })]));
  const speech = h('select', { name: 'language', onchange: changed }, [...new Set([...found.languages.map((tag) => tag.split('-')[0]), 'en', 'id', 'th', 'vi', 'ar', 'zh'])].map((code) =>
    h('option', { value: code }, new Intl.DisplayNames([language], { type: 'language' }).of(code))));

  const logo = h('input', { type: 'file', accept: 'image/png,image/jpeg,image/webp', name: 'brand-picture', onchange: async () => {
    const [file] = logo.files;
    if (!file) return;
    try {
      await api.upload('/brand', file);
      say(t('kept'));
      changed();
    } catch (error) { say(error.message); }
  } });
  const noLogo = h('button', { type: 'button', onclick: async () => {
    try { await api.remove('/brand'); logo.value = ''; say(t('kept')); changed(); } catch (error) { say(error.message); }
  } }, t('noBrandPicture'));

  const template = () => picks.querySelector('input:checked').value;
  /** What this template and this target have none of cannot be switched on. */
  function fit() {
    const has = choices.items.find((each) => each.name === template()).effects;
    for (const [name, box] of effects) box.disabled = !has.includes(name) || (target.value === 'platform_api' && !NEUTRAL.includes(name));
  }
  function wish() {
    const own = {};
    for (const [name, input] of texts) if (input.value.trim()) own[name] = input.value;
    const off = [...effects].filter(([, box]) => !box.checked).map(([name]) => name);
    const plan = picker.choice.value && picker.choice.value !== '+' ? picker.choice.value : null;
    return { template: template(), plan_id: plan, wishes: { target: target.value, language: speech.value, off, texts: own } };
  }

  let settling;
  let drawing = new AbortController();
  function changed() {
    clockAt.textContent = clock(Number(at.value));
    clearTimeout(settling);
    settling = setTimeout(preview, SETTLE_MS);
  }
  async function preview() {
    drawing.abort();
    drawing = new AbortController();
    const mine = drawing.signal;
    signal.addEventListener('abort', () => drawing.abort(), { once: true });
    frame.classList.add('waits');
    over.hidden = false;
    try {
      const link = await api.picture(`${path}/preview`, { ...wish(), at_s: Number(at.value) }, mine);
      if (picture.src.startsWith('blob:')) URL.revokeObjectURL(picture.src);
      picture.src = link;
      picture.alt = t('previewAlt', { at: clock(Number(at.value)) });
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (error.status === 503 || error.status === 429) { settling = setTimeout(preview, 1000); return; }
      say(error.message);
    }
    frame.classList.remove('waits');
    over.hidden = true;
  }

  // One wish, one key: pressing twice, or again after a lost answer, makes one remix.
  const key = { text: '', of: '' };
  const make = async (event) => {
    event.preventDefault();
    const body = wish();
    if (JSON.stringify(body) !== key.of) Object.assign(key, { of: JSON.stringify(body), text: crypto.getRandomValues(new Uint32Array(4)).join('-') });
    const button = event.submitter;
    if (button) button.disabled = true;
    try {
      const job = await api.post(`${path}/remixes`, body, { 'Idempotency-Key': key.text });
      location.hash = `live/${api.part(session)}/clip/${api.part(id)}/job/${api.part(job.job_id)}`;
    } catch (error) {
      if (button) button.disabled = false;
      say(error.message);
    }
  };

  put(main,
    h('nav', { class: 'crumbs' }, h('a', { href: `#live/${api.part(session)}/clip/${api.part(id)}` }, t('backToClip'))),
    h('h1', {}, t('quickEdit')),
    h('form', { class: 'two', onsubmit: make },
      h('div', { class: 'stay' }, frame, h('div', {}, field(t('previewAt'), at), clockAt)),
      h('div', {}, picks, picker.view,
        field(t('target'), target), field(t('language_'), speech),
        h('details', {}, h('summary', {}, t('effects')), rows),
        h('details', {}, h('summary', {}, t('texts')), h('p', { class: 'soft small' }, t('textsHint')), [...texts].map(([name, input]) => field(t(`E_${name}`), input)),
          field(t('brandPicture'), logo, t('brandPictureHint')), h('p', { class: 'row end' }, noLogo)),
        h('p', { class: 'row end' }, h('button', { class: 'main', id: 'make' }, t('make'))))));
  fit();
  changed();
}
