// Fields of the API as the forms call them.
import { spelled } from '@/lib/words'

const LABELS: Record<string, string> = {
  positionSize: 'Spend, in SOL',
  tokenSymbol: 'Symbol',
  signalType: 'Type',
  activationReason: 'Reason',
  signalStrength: 'Strength',
  maxAgeSeconds: 'Refuse alerts older than',
  currentPassword: 'Present password',
  newPassword: 'New password',
  email: 'E-mail',
  expiresAt: 'Ends on',
  scopes: 'Rights',
  walletAddress: 'Wallet',
  agentId: 'Agent',
}

/** "signal.tokenAddress" as "Signal › Token address". */
export const labelOf = (path: string): string =>
  path
    .split('.')
    .filter((part) => part !== 'body')
    .map((part) => (/^\d+$/.test(part) ? String(Number(part) + 1) : (LABELS[part] ?? spelled(part))))
    .join(' › ')

/** A refusal of the service, "positionSize: must be above 0", with the field as people know it. */
export function labelled(line: string, name: (path: string) => string = labelOf): string {
  const match = /^([A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*): (.+)$/s.exec(line)
  return match?.[1] && match[2] ? `${name(match[1])}: ${match[2]}` : line
}
