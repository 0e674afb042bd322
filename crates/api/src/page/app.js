// Which page is shown: signing in, the LIVEs, one LIVE, a clip, its quick post edit, a remix.

import * as api from './api.js';
import { h, put, field } from './dom.js';
import { t, language, speak } from './words.js';
import { lives } from './lives.js';
import { live } from './live.js';
import { clip } from './clip.js';
import { edit } from './edit.js';
import { making, made } from './remix.js';

const main = document.getElementById('main');
const header = document.getElementById('header');
let me = null;
let leaving = new AbortController();

/** Names of an address, each with its handler; each gets the page's element, names and a signal. */
const PAGES = [
  [/^$/, lives],
  [/^live\/([^/]+)$/, live],
  [/^live\/([^/]+)\/clip\/([^/]+)$/, clip],
  [/^live\/([^/]+)\/clip\/([^/]+)\/edit$/, edit],
  [/^live\/([^/]+)\/clip\/([^/]+)\/job\/([^/]+)$/, making],
  [/^live\/([^/]+)\/clip\/([^/]+)\/remix\/([^/]+)$/, made],
];

function top() {
  const languages = h('select', { 'aria-label': t('language'), onchange: (event) => { speak(event.target.value); show(); } },
    [['en', 'English'], ['id', 'Indonesia']].map(([code, name]) => h('option', { value: code, selected: code === language }, name)));
  const out = () => { api.forget(); me = null; location.hash = ''; show(); };
  put(header,
    h('a', { class: 'brand', href: '#', 'aria-label': 'Reprise' }, h('img', { src: 'icon.svg', alt: '' }), h('span', {}, 'Reprise')),
    me ? h('span', { class: 'who' }, me.role === 'guest' ? `${me.seller} (${t('guest')})` : me.seller) : h('span', { class: 'who' }),
    languages,
    me && h('button', { type: 'button', onclick: out }, t('signOut')));
  document.getElementById('skip').textContent = t('skip');
}

function signIn(message) {
  const input = h('input', { type: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false' });
  const remember = h('input', { type: 'checkbox' });
  const go = (event) => {
    event.preventDefault();
    api.keep(input.value.trim(), remember.checked);
    show();
  };
  put(main, h('form', { class: 'card sign', onsubmit: go },
    h('h1', {}, t('signIn')),
    message && h('p', { class: 'card problem', role: 'alert' }, message),
    field(t('key'), input, t('keyHint')),
    h('label', { class: 'check' }, remember, t('remember')),
    h('p', { class: 'row end' }, h('button', { class: 'main' }, t('signIn')))));
  input.focus();
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const given = new URLSearchParams(location.hash.slice(1)).get('key');
  if (given?.startsWith('rpk_')) {
    api.keep(given, false);
    // Out of the address, so that no history or screenshot keeps it.
    history.replaceState(null, '', location.pathname);
    me = null;
  }
  try {
    if (api.key() && !me) me = await api.get('/me');
    if (signal.aborted) return;
    top();
    if (!me) return signIn();
    const path = location.hash.slice(1);
    const found = PAGES.find(([pattern]) => pattern.test(path));
    if (!found) throw new api.Refused({ status: 404 });
    put(main, h('p', { class: 'soft' }, t('loading')));
    await found[1](main, path.match(found[0]).slice(1).map(decodeURIComponent), { me, signal });
    if (signal.aborted) return;
    const title = main.querySelector('h1');
    document.title = title ? `${title.textContent} · Reprise` : 'Reprise';
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  } catch (error) {
    if (error.name === 'AbortError' || signal.aborted) return;
    top();
    if (error.status === 401) {
      api.forget();
      me = null;
      top();
      return signIn(t('wrongKey'));
    }
    const words = error.status === 404 ? t('gone') : error.status === 0 ? t('offline') : error.message;
    put(main, h('div', { class: 'card problem', role: 'alert' }, h('p', {}, words), h('a', { href: '#' }, t('lives'))));
  }
}

document.documentElement.lang = language;
addEventListener('hashchange', show);
show();
