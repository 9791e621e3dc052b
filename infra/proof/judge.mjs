// Asks iam-simulate, an independent evaluator, whether a call is allowed.
import { anonymousPrincipal, runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

export const list = (v) => (v === undefined ? [] : Array.isArray(v) ? v : [v])
export const statements = (document) => list(document.Statement)
export const isService = (principal) => principal.endsWith('.amazonaws.com')
export const allowsAll = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }
const named = (documents) => documents.map((policy, i) => ({ name: `p${i}`, policy }))

// Keys that are in the context of every call of a certain caller, although
// iam-simulate's data has them for one service only.
const everywhere = ['lambda:sourcefunctionarn'] // in calls made by the code of a function
// AWS's reference lists no resource for this action, but Lambda requires it on the stream
// when a mapping is created ("... and ListStreams Actions on your stream in IAM").
const onStreams = 'dynamodb:liststreams'

// Deployments share most of their calls; each call is judged once.
const judged = new Map()
const texts = new WeakMap()
export const count = () => judged.size

function text(document) {
  if (!document) return ''
  if (!texts.has(document)) texts.set(document, JSON.stringify(document))
  return texts.get(document)
}

// call: {principal, action, arn, account, context, identity: [documents], limits: [documents] of the boundary,
// resource: document}
export function allowed(call) {
  const key = [call.principal, call.action, call.arn, call.account, JSON.stringify(call.context), ...call.identity.map(text), 'within', ...list(call.limits).map(text), 'on', text(call.resource)].join('\n')
  if (!judged.has(key)) judged.set(key, judge(call))
  return judged.get(key)
}

async function judge(call) {
  const simulation = {
    request: {
      principal: call.principal === 'anonymous' ? anonymousPrincipal : call.principal, action: call.action, contextVariables: call.context,
      resource: { resource: call.arn, accountId: call.account },
    },
    identityPolicies: named(call.identity),
    ...(call.limits && { permissionBoundaryPolicies: named(call.limits) }),
    ...(call.resource && { resourcePolicy: call.resource }),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }
  const shape = [call.action, call.arn, ...Object.keys(call.context).sort()].join('\n')
  if (known.has(shape) && !call.resource && call.arn !== '*') return quickly(simulation, known.get(shape))
  if (call.action.toLowerCase() === onStreams && call.arn !== '*') return quickly(simulation, [])
  const result = await runSimulation(simulation, { simulationMode: 'Strict' })
  if (result.resultType !== 'single') throw new Error(`${call.action} on ${call.arn}: iam-simulate cannot judge it: ${JSON.stringify(result.errors ?? result.resultType)}`)
  const ignored = result.result.ignoredContextKeys.map((k) => k.toLowerCase())
  const dropped = ignored.filter((k) => !everywhere.includes(k))
  const lost = asksFor(call, dropped)
  if (lost.length) throw new Error(`${call.action} on ${call.arn}: a Deny uses ${lost}, which iam-simulate leaves out of the context`)
  known.set(shape, dropped)
  return ignored.length > dropped.length ? quickly(simulation, dropped) : result.overallResult === 'Allowed'
}

// The same judgement without checking the action, the resource and the keys. Those checks
// take most of the time and do not depend on the policies, so they are made once for each.
const known = new Map()

async function quickly(simulation, dropped) {
  const contextVariables = Object.fromEntries(Object.entries(simulation.request.contextVariables).filter(([k]) => !dropped.includes(k.toLowerCase())))
  return (await runUnsafeSimulation({ ...simulation, request: { ...simulation.request, contextVariables } })) === 'Allowed'
}

// iam-simulate drops context keys that it does not expect for an action. An Allow that
// needs such a key then fails, which is noticed. A Deny would be lost without notice.
function asksFor(call, ignored) {
  if (!ignored.length) return []
  const asked = [...call.identity, ...list(call.limits), ...list(call.resource)].flatMap(statements).filter((s) => s.Effect === 'Deny' && acts(s, call.action))
    .flatMap((s) => Object.values(s.Condition ?? {})).flatMap(Object.keys).map((k) => k.toLowerCase())
  return ignored.filter((k) => asked.includes(k))
}

function acts(statement, action) {
  const like = (p) => new RegExp(`^${p.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 'i').test(action)
  return statement.NotAction ? !list(statement.NotAction).some(like) : list(statement.Action).some(like)
}

// The session of a role, as resource policies and logs name it: without the path.
export function session(arn) {
  const [, partition, , , account, resource] = arn.split(':')
  return resource?.startsWith('role/') ? `arn:${partition}:sts::${account}:assumed-role/${resource.split('/').pop()}/session` : arn
}

// The context of a call. Keys with the value "none" are left out.
export function contextOf(arn, more) {
  const out = {
    'aws:PrincipalArn': arn, 'aws:PrincipalAccount': arn.split(':')[4] ?? 'none', 'aws:PrincipalType': 'AssumedRole', 'aws:PrincipalIsAWSService': 'false',
    'aws:userid': 'AROAEXAMPLE:session', 'aws:SecureTransport': 'true', 'aws:CurrentTime': '2026-11-21T12:00:00Z', ...more,
  }
  return Object.fromEntries(Object.entries(out).filter(([, v]) => v !== 'none' && v !== ''))
}

// A resource policy that leaves the decision to the account's own policies.
export function delegates(arn) {
  const [, partition, , , account] = arn.split(':')
  return { Version: '2012-10-17', Statement: { Effect: 'Allow', Principal: { AWS: `arn:${partition}:iam::${account}:root` }, Action: '*', Resource: '*' } }
}
