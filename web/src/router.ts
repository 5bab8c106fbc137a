// Addresses behind the #: the service serves one page for all of them.
import { computed, shallowRef } from 'vue'

export type PageName =
  | 'overview'
  | 'agents'
  | 'agent'
  | 'tokens'
  | 'token'
  | 'signals'
  | 'signal'
  | 'webhooks'
  | 'history'
  | 'access'
  | 'system'
  | 'login'
  | 'link'
  | 'unknown'

export interface Route {
  name: PageName
  parameters: Record<string, string>
  query: URLSearchParams
  path: string
}

/** Patterns in order; the first that fits wins. */
const ROUTES: readonly (readonly [string, PageName])[] = [
  ['/', 'overview'],
  ['/agents', 'agents'],
  ['/agents/:id', 'agent'],
  ['/agents/:id/:tab', 'agent'],
  ['/tokens', 'tokens'],
  ['/tokens/:mint', 'token'],
  ['/signals', 'signals'],
  ['/signals/webhooks', 'webhooks'],
  ['/signals/:id', 'signal'],
  ['/history', 'history'],
  ['/history/:tab', 'history'],
  ['/access', 'access'],
  ['/access/:tab', 'access'],
  ['/system', 'system'],
  ['/login', 'login'],
  ['/link/:token', 'link'],
]

const current = shallowRef<Route>(parse(location.hash))
window.addEventListener('hashchange', () => (current.value = parse(location.hash)))

export const route = computed(() => current.value)

/** Go to an address such as `/agents`; `replace` leaves no entry in the history. */
export function go(path: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', `#${path}`)
    current.value = parse(location.hash)
  } else location.hash = path
}

export function parse(hash: string): Route {
  const [path = '/', search = ''] = (hash.replace(/^#/, '') || '/').split('?')
  const parts = path.split('/').filter(Boolean)
  for (const [pattern, name] of ROUTES) {
    const wanted = pattern.split('/').filter(Boolean)
    if (wanted.length !== parts.length) continue
    const parameters: Record<string, string> = {}
    const fits = wanted.every((want, index) => {
      const part = parts[index] ?? ''
      if (!want.startsWith(':')) return want === part
      try {
        parameters[want.slice(1)] = decodeURIComponent(part)
      } catch {
        return false
      }
      return true
    })
    if (fits) return { name, parameters, query: new URLSearchParams(search), path }
  }
  return { name: 'unknown', parameters: {}, query: new URLSearchParams(search), path }
}
