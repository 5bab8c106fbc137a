// Calls of the REST API, typed by its document.
import { ApiError } from '@/api/errors'
import type { paths } from '@/api/schema'
import { parseJson } from '@/lib/json'

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, infer O> ? (O extends undefined ? never : P) : never
}[keyof paths]
type Operation<M extends Method, P extends keyof paths> = paths[P] extends Record<M, infer O> ? O : never
type Parameters<O, K extends string> = O extends { parameters: { [key in K]?: infer V } } ? NonNullable<V> : undefined
type Json<T> = T extends { content: { 'application/json': infer B } } ? B : undefined
type Body<O> = O extends { requestBody?: infer B } ? Json<NonNullable<B>> : undefined
type Answer<O> = O extends { responses: infer R }
  ? R extends { 200: infer A }
    ? Json<A>
    : R extends { 201: infer A }
      ? Json<A>
      : undefined
  : never

export interface CallOptions<M extends Method, P extends keyof paths> {
  path?: Parameters<Operation<M, P>, 'path'>
  query?: Parameters<Operation<M, P>, 'query'>
  body?: Body<Operation<M, P>>
  /** The same key again is the same request: a repetition after a lost answer does nothing twice. */
  idempotencyKey?: string
  signal?: AbortSignal
}

interface AnyOptions {
  path?: unknown
  query?: unknown
  body?: unknown
  idempotencyKey?: string
  signal?: AbortSignal
}

interface Credentials {
  /** Return the present access token, or null when nobody is logged in. */
  token(): string | null
  /** Get a new one after a refusal; false when the session is over. */
  renew(refused: string): Promise<boolean>
}

let credentials: Credentials = { token: () => null, renew: () => Promise.resolve(false) }

/** Say where access tokens come from (`session.ts`). */
export function useCredentials(source: Credentials): void {
  credentials = source
}

/** Told after every request whether the service has answered, for what is said about the connection. */
export const reachability = { report: (_reachable: boolean): void => undefined }

/** Call an endpoint and return its answer. Throws `ApiError`. */
export async function call<M extends Method, P extends PathsWith<M>>(
  method: M,
  path: P,
  options: CallOptions<M, P> = {},
): Promise<Answer<Operation<M, P>>> {
  const response = await send(method, path as string, options)
  return (await read(response)) as Answer<Operation<M, P>>
}

/** Call a list and return its rows with the cursor of the next page. */
export async function callPage<P extends PathsWith<'get'>>(
  path: P,
  options: CallOptions<'get', P> = {},
): Promise<{ rows: Answer<Operation<'get', P>>; next: string | null }> {
  const response = await send('get', path as string, options)
  const rows = (await read(response)) as Answer<Operation<'get', P>>
  return { rows, next: response.headers.get('X-Next-Cursor') }
}

/** Call an endpoint whose answer is a file; `received` hears how many bytes of it are here. */
export async function callFile<P extends PathsWith<'get'>>(
  path: P,
  options: CallOptions<'get', P> & { received?: (bytes: number) => void } = {},
): Promise<Blob> {
  const response = await send('get', path as string, options)
  if (response.body === null || options.received === undefined) return response.blob()
  const parts: BlobPart[] = []
  const reader = response.body.getReader()
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      if (options.signal?.aborted) throw error
      throw new ApiError(0, 'The connection ended before the file was complete.')
    })
    if (done) return new Blob(parts, { type: response.headers.get('Content-Type') ?? '' })
    parts.push(value)
    options.received((bytes += value.length))
  }
}

/** Ask for anything, without types and without a token: for the endpoints of the page's own session. */
export async function callPlain(method: Method, path: string, body?: unknown): Promise<unknown> {
  const init: RequestInit = {
    method: method.toUpperCase(),
    headers: { 'X-Nexgent-Web': '1', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    credentials: 'same-origin',
  }
  if (body !== undefined) init.body = JSON.stringify(body)
  return read(await checked(await reach(path, init)))
}

async function send(
  method: Method,
  path: string,
  options: AnyOptions,
): Promise<Response> {
  const address = fill(path, options.path) + queryText(options.query)
  for (let attempt = 0; ; attempt++) {
    const token = credentials.token()
    const headers: Record<string, string> = {}
    if (token !== null) headers['Authorization'] = `Bearer ${token}`
    if (options.body !== undefined) headers['Content-Type'] = 'application/json'
    if (options.idempotencyKey !== undefined) headers['Idempotency-Key'] = options.idempotencyKey
    const init: RequestInit = { method: method.toUpperCase(), headers, credentials: 'omit' }
    if (options.body !== undefined) init.body = JSON.stringify(options.body)
    if (options.signal !== undefined) init.signal = options.signal
    const response = await reach(address, init)
    if (response.status === 401 && token !== null && attempt === 0 && (await credentials.renew(token))) continue
    return checked(response)
  }
}

const PATIENCE_MS = 10_000
/** What a proxy in front answers for a service that is not there. */
const NOT_THERE = [502, 504]

/** Ask the service whether it is there. */
export async function isAlive(): Promise<boolean> {
  try {
    const response = await fetch('/api/v1/health/live', { credentials: 'omit', signal: AbortSignal.timeout(PATIENCE_MS) })
    reachability.report(response.ok)
    return response.ok
  } catch {
    reachability.report(false)
    return false
  }
}

async function reach(address: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(address, init)
    // What the service says itself has the number of its request: a market that gave no quote is no service that is away.
    reachability.report(!NOT_THERE.includes(response.status) || response.headers.has('X-Request-Id'))
    return response
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    reachability.report(false)
    throw new ApiError(0, 'The service cannot be reached. Is it still running?')
  }
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response
  const retryAfter = Number(response.headers.get('Retry-After'))
  let body: Record<string, unknown> = {}
  try {
    body = parseJson(await response.text()) as Record<string, unknown>
  } catch {
    // A proxy in between may answer with a page.
  }
  const text = typeof body['error'] === 'string' ? body['error'] : typeof body['message'] === 'string' ? body['message'] : ''
  throw new ApiError(
    response.status,
    text || `The service answered ${response.status} ${response.statusText}`.trim(),
    typeof body['code'] === 'string' ? body['code'] : null,
    problems(body['details']),
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
    response.headers.get('X-Request-Id'),
  )
}

/** Read the problems of a refusal, whichever of their shapes they have. */
function problems(details: unknown): string[] {
  const list = Array.isArray(details) ? details : ((details ?? {}) as Record<string, unknown>)['errors']
  if (!Array.isArray(list)) return []
  return list.map((one: unknown) => {
    if (typeof one === 'string') return one
    const { path, field, message } = (one ?? {}) as Record<string, unknown>
    const where = Array.isArray(path) ? path.join('.') : (path ?? field)
    return typeof where === 'string' && where ? `${where}: ${String(message)}` : String(message ?? JSON.stringify(one))
  })
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text()
  return text === '' ? undefined : parseJson(text)
}

function fill(path: string, values: unknown): string {
  const known = (values ?? {}) as Record<string, unknown>
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(known[name])))
}

function queryText(query: unknown): string {
  const pairs = Object.entries((query ?? {}) as Record<string, unknown>)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => [name, String(value)])
  return pairs.length ? `?${new URLSearchParams(pairs).toString()}` : ''
}
