import type { components } from './schema';

export type Schemas = components['schemas'];
export type ItemRow = Schemas['ItemRow'];
export type ItemDetail = Schemas['ItemDetail'];
export type Item = Schemas['Item'];
export type Run = Schemas['Run'];
export type Issue = Schemas['Issue'];
export type DamascusEvent = Schemas['Event'];
export type Stats = Schemas['Stats'];
export type Phase = Schemas['Phase'];
export type Session = Schemas['Session'];

/** The API said no, or did not answer (`status` 0): a sentence for a person, and its code. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null = null,
  ) {
    super(message);
  }

  /** Whether trying again in a moment may help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

type Query = Record<string, string | number | readonly string[] | null | undefined>;

/** An address with its query; what is empty is left out, lists are repeated. */
export function address(path: string, query: Query = {}): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue;
    if (Array.isArray(value)) for (const one of value as readonly string[]) found.append(name, one);
    else found.set(name, String(value));
  }
  const text = found.toString();
  return text ? `${path}?${text}` : path;
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await ask('GET', address(path, query), undefined, signal)) as T;
}

export async function send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return (await ask(method, path, body)) as T;
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  return (await reach('GET', path, undefined, signal)).text();
}

async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const response = await reach(method, path, body, signal);
  return response.status === 204 ? null : await response.json();
}

async function reach(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Failure(0, 'unreachable', 'The server does not answer.');
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** The failure that a response tells of. */
export async function failureOf(response: Response): Promise<Failure> {
  try {
    const said = (await response.json()) as Partial<Schemas['ProblemDocument']>;
    return new Failure(
      response.status,
      said.code ?? 'failed',
      sentence(said.detail ?? response.statusText),
      said.request_id ?? null,
    );
  } catch {
    return new Failure(response.status, 'failed', `The server answered ${response.status}.`);
  }
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
