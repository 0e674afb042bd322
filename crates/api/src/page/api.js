// Calls the API. The key stays in this tab, or on this device where the seller wishes it.

const NAME = 'reprise.key';

export function key() {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

export function keep(value, onDevice) {
  sessionStorage.setItem(NAME, value);
  if (onDevice) localStorage.setItem(NAME, value);
}

export function forget() {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}

/** What the API refused, in its own words. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title ?? 'the server did not answer');
    this.status = problem.status ?? 0;
  }
}

async function send(method, path, { body, file, headers = {}, signal } = {}) {
  const all = { Authorization: `Bearer ${key()}`, ...headers };
  if (body !== undefined) all['Content-Type'] = 'application/json';
  if (file) all['Content-Type'] = file.type;
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method, headers: all, body: file ?? (body === undefined ? undefined : JSON.stringify(body)), signal,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused({});
  }
  if (!answer.ok) throw new Refused(await answer.json().catch(() => ({ status: answer.status })));
  return answer;
}

const json = async (answer) => ((await answer).status === 204 ? null : (await answer).json());

export const get = (path, options) => json(send('GET', path, options));
export const post = (path, body, headers) => json(send('POST', path, { body, headers }));
export const put = (path, body) => json(send('PUT', path, { body }));
export const patch = (path, body) => json(send('PATCH', path, { body }));
export const remove = (path) => json(send('DELETE', path));

/** A picture as an address of this tab; who asked for it lets go of it. */
export async function picture(path, body, signal) {
  const answer = await send('POST', path, { body, signal });
  return URL.createObjectURL(await answer.blob());
}

/** Sends a file as it is. */
export const upload = (path, file) => json(send('PUT', path, { file }));

/** All pages of a list. */
export async function all(path) {
  const items = [];
  let cursor;
  do {
    const page = await get(`${path}?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

export const part = encodeURIComponent;

/** Tells each change of a job, until it is at its end; a broken line is taken up again. */
export async function follow(id, told, signal) {
  for (;;) {
    try {
      const answer = await send('GET', `/jobs/${part(id)}/events`, { signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split('\n\n');
        text = events.pop();
        for (const event of events) {
          const data = event.split('\n').find((line) => line.startsWith('data: '));
          if (!data) continue;
          const job = JSON.parse(data.slice(6));
          told(job);
          if (job.is_final) return job;
        }
      }
    } catch (error) {
      if (error.name === 'AbortError' || [401, 403, 404].includes(error.status)) throw error;
    }
    await new Promise((go) => setTimeout(go, 1000));
    if (signal?.aborted) throw new DOMException('', 'AbortError');
  }
}
