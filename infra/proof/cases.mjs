// Turns the tables into calls with an expected answer, for one deployment.
//
// A case: {at, says, want, holder, calls}. holder is the role whose own policies
// answer; the policy of the thing stands in each call as resource.
import { allowsAll, contextOf, delegates, isService, session, statements } from './judge.mjs'
import { answer, holds, names, pairs } from './table.mjs'

// The policy of a thing: what the template puts on its ARN, and a role's trust.
function policyOf(d, arn) {
  const found = d.resourcePolicies.filter((p) => p.on.some((on) => arn === on || (on.includes(':s3:::') && arn.startsWith(on + '/'))))
  const trusts = Object.values(d.roles).filter((r) => r.arn === arn).map((r) => ({ document: r.trust }))
  const all = [...found, ...trusts].flatMap((p) => statements(p.document))
  return all.length ? { Version: '2012-10-17', Statement: all } : undefined
}

// Whose column it is: a function's role by its name.
function holders(table, d) {
  const out = {}
  for (const column of table.columns.rights.filter((c) => !['action', 'on', 'when', 'anybody'].includes(c))) {
    const f = d.functions[`${column[0].toUpperCase()}${column.slice(1)}Function`]
    const role = f && Object.keys(d.roles).find((r) => d.roles[r].arn === f.role)
    if (!role) throw new Error(`there is no role for the column ${column}`)
    if (Object.values(out).includes(role)) throw new Error(`${column} has the role of another column`)
    out[column] = role
  }
  for (const f of Object.keys(d.functions)) if (!out[f.replace(/Function$/, '').toLowerCase()]) throw new Error(`the function ${f} has no column`)
  for (const role of Object.keys(d.roles)) if (!Object.values(out).includes(role)) throw new Error(`the role ${role} has no column`)
  return out
}

const things = (row, known) => row.things.flatMap((name) => known(name, row))

export function rights(table, deployment, d) {
  const known = names(table, deployment, d)
  const columns = holders(table, d)
  const [, partition, , , account] = Object.values(d.roles)[0].arn.split(':')
  const bystander = { arn: `arn:${partition}:iam::${account}:role/bystander`, policies: [] }
  return table.rights.filter((r) => holds(r, deployment)).flatMap((row) => things(row, known).flatMap((thing) => row.actions.flatMap((action) =>
    [...Object.keys(columns), 'anybody'].map((column) => ({
      at: row.at, says: `${column}: ${action} on ${thing.name} (${thing.arn})`, want: answer(row, column), holder: columns[column],
      calls: [own(d.roles[columns[column]] ?? bystander, action, thing, d)],
    })))))
}

// A role's own call. What is not in the template answers to the caller's policies
// alone, wherever it is: as if it were in the caller's account, with a key's policy
// that leaves it to the account.
function own(role, action, thing, d) {
  const account = role.arn.split(':')[4]
  return {
    principal: session(role.arn), action, arn: thing.arn, account, identity: role.policies.map((p) => p.document),
    resource: policyOf(d, thing.arn) ?? (thing.arn.includes(':kms:') ? delegates(role.arn) : undefined),
    context: contextOf(role.arn, {
      'aws:PrincipalOrgID': d.organization, 'aws:ResourceOrgID': d.organization, 'aws:ResourceAccount': thing.arn.split(':')[4] || account, ...thing.context,
    }),
  }
}

// Who is let in by the policy of a thing, with no policy of the caller's to help.
// Strangers may do everything as far as their own account is concerned, and so may
// who has the name "own policies=allow all": then the thing alone refuses.
export function doors(table, deployment, d) {
  const known = names(table, deployment, d)
  return table.doors.filter((r) => holds(r, deployment)).flatMap((row) => things(row, known).flatMap((thing) => row.actions.flatMap((action) =>
    known(row.who, row).flatMap((who) => origins(row, known).map((from) => {
      const foreign = who.arn.startsWith('arn:') && who.arn.split(':')[4] !== d.pseudo['AWS::AccountId']
      const { 'own policies': own, ...about } = who.context
      const context = isService(who.arn) ? ofService(who.arn) : contextOf(who.arn, { 'aws:PrincipalOrgID': d.organization, ...about })
      return {
        at: row.at, says: `${row.who}${row.from && ` from ${Object.values(from)}`}: ${action} on ${thing.name} (${thing.arn})`, want: answer(row, 'answer'),
        calls: [{
          principal: session(who.arn), action, arn: thing.arn, account: d.pseudo['AWS::AccountId'], identity: foreign || own === 'allow all' ? [allowsAll] : [],
          resource: policyOf(d, thing.arn), context: { ...context, ...thing.context, ...from },
        }],
      }
    })))))
}

const ofService = (name) => ({ 'aws:PrincipalIsAWSService': 'true', 'aws:PrincipalServiceName': name, 'aws:SecureTransport': 'true' })

// The keys of "from", once for each ARN of a <name> in it.
function origins(row, known) {
  let out = [{}]
  for (const [key, value] of Object.entries(pairs(row.from))) {
    const values = value.startsWith('<') ? known(value.slice(1, -1), row).map((n) => n.arn) : [value]
    out = out.flatMap((o) => values.map((v) => ({ ...o, [key]: v })))
  }
  return out
}

// A call is up to three permissions, each asked of the caller's own policies and
// of the trust: it goes through if all of them say yes.
export function trust(table, deployment, d, bastion) {
  const known = names(table, deployment, d)
  const first = table.trust[0]
  return table.trust.filter((r) => holds(r, deployment)).flatMap((row) => {
    const said = (column) => row[column] || first[column]
    const passed = passes(said, d.externalID)
    return known(said('caller'), row).flatMap((caller) => Object.entries(d.roles).map(([id, role]) => {
      if (!role.arn.includes(':role/aws-access/')) throw new Error(`${id} is no target role, and has no column`)
      const says = `${row.case}: ${said('caller')} enters ${id}`
      return { at: row.at, says, want: answer(row, 'target'), calls: enters(said('call'), caller, role, passed, bastion) }
    }))
  })
}

function enters(call, caller, role, passed, bastion) {
  const account = role.arn.split(':')[4]
  const context = contextOf(caller.arn, { 'aws:ResourceOrgID': bastion.organization, 'aws:ResourceAccount': account, ...passed, ...caller.context })
  const vend = Object.values(bastion.roles).find((r) => r.arn === caller.arn)
  const whole = ['sts:AssumeRole', passed['aws:TagKeys'] !== 'none' && 'sts:TagSession', passed['sts:SourceIdentity'] !== 'none' && 'sts:SetSourceIdentity']
  const actions = call === 'whole' ? whole.filter(Boolean) : [call]
  const identity = isService(caller.arn) ? [] : vend ? vend.policies.map((p) => p.document) : [allowsAll]
  return actions.map((action) => ({ principal: session(caller.arn), action, arn: role.arn, account, identity, resource: role.trust, context }))
}

function passes(said, externalID) {
  const tags = said('tags') === 'none' ? {} : pairs(said('tags'))
  return {
    'sts:ExternalId': said('external id') === 'right' ? externalID : said('external id'), 'sts:RoleSessionName': said('session'),
    'sts:SourceIdentity': said('identity'), 'aws:PrincipalOrgID': said('organisation'),
    'aws:TagKeys': Object.keys(tags).length ? Object.keys(tags) : 'none',
    ...Object.fromEntries(Object.entries(tags).map(([k, v]) => [`aws:RequestTag/${k}`, v])),
  }
}
