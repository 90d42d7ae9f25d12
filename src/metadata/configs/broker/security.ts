// Keys of Kafka 4.3 about authentication, encryption and access control. The first table is read by settings/security.ts, as
// text, for each listener by itself (`listener.name.<name>.<key>`); what Kafka lets change while the broker runs is read
// at the start only here. Layout: table-text.ts.
import { readTable } from '../table-text.ts';

export const securityDefinitions = {
  ...readTable(
    { kind: 'honoured' },
    `
    authorizer.class.name | STRING | "" | non-null string | LOW | read-only | The class that decides who may do what.
    connection.failed.authentication.delay.ms | INT | 100 | [0,...] | LOW | read-only | How long a failed login waits for its answer.
    connections.max.reauth.ms | LONG | 0 | - | MEDIUM | read-only | How long a login is good for.
    delegation.token.expiry.check.interval.ms | LONG | 3600000 | [1,...] | LOW | read-only | How often expired tokens are looked for.
    delegation.token.expiry.time.ms | LONG | 86400000 | [1,...] | MEDIUM | read-only | How long a token is good for without renewal.
    delegation.token.max.lifetime.ms | LONG | 604800000 | [1,...] | MEDIUM | read-only | How long a token can be renewed.
    delegation.token.secret.key | PASSWORD | null | - | MEDIUM | read-only | The secret that signs tokens.
    sasl.enabled.mechanisms | LIST | GSSAPI | - | MEDIUM | read-only | The login mechanisms on offer.
    sasl.jaas.config | PASSWORD | null | - | MEDIUM | read-only | Login modules with their options.
    sasl.oauthbearer.clock.skew.seconds | INT | 30 | - | LOW | read-only | Seconds by which the provider's clock may differ.
    sasl.oauthbearer.expected.audience | LIST | "" | - | LOW | read-only | Audiences a token must name one of.
    sasl.oauthbearer.expected.issuer | STRING | null | - | LOW | read-only | The issuer a token must name.
    sasl.oauthbearer.jwks.endpoint.refresh.ms | LONG | 3600000 | - | LOW | read-only | How often the provider's keys are fetched again.
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms | LONG | 100 | - | LOW | read-only | First pause between attempts to fetch keys.
    sasl.oauthbearer.jwks.endpoint.url | STRING | null | - | MEDIUM | read-only | Where the provider publishes its keys.
    sasl.oauthbearer.scope.claim.name | STRING | scope | - | LOW | read-only | The claim that holds the scope.
    sasl.oauthbearer.sub.claim.name | STRING | sub | - | LOW | read-only | The claim that holds the subject.
    sasl.server.max.receive.size | INT | 524288 | - | MEDIUM | read-only | The largest frame of a client that has not logged in.
    ssl.cipher.suites | LIST | "" | - | MEDIUM | read-only | The cipher suites on offer.
    ssl.client.auth | STRING | none | [required, requested, none] | MEDIUM | read-only | Whether clients must show a certificate.
    ssl.enabled.protocols | LIST | TLSv1.2,TLSv1.3 | - | MEDIUM | read-only | The TLS versions on offer.
    ssl.key.password | PASSWORD | null | - | MEDIUM | read-only | The password of the private key.
    ssl.keystore.certificate.chain | PASSWORD | null | - | MEDIUM | read-only | The broker's certificates, as PEM text.
    ssl.keystore.key | PASSWORD | null | - | MEDIUM | read-only | The broker's private key, as PEM text.
    ssl.keystore.location | STRING | null | - | MEDIUM | read-only | The file with the broker's key and certificate.
    ssl.keystore.password | PASSWORD | null | - | MEDIUM | read-only | The password of that file.
    ssl.keystore.type | STRING | JKS | - | MEDIUM | read-only | The format of that file.
    ssl.principal.mapping.rules | STRING | DEFAULT | - | LOW | read-only | How certificate names become principals.
    ssl.truststore.certificates | PASSWORD | null | - | MEDIUM | read-only | Certificates to trust, as PEM text.
    ssl.truststore.location | STRING | null | - | MEDIUM | read-only | The file with certificates to trust.
    ssl.truststore.password | PASSWORD | null | - | MEDIUM | read-only | The password of that file.
    ssl.truststore.type | STRING | JKS | - | MEDIUM | read-only | The format of that file.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'there is no Kerberos login' },
    `
    sasl.kerberos.kinit.cmd | STRING | /usr/bin/kinit | - | MEDIUM | per-broker | The program that renews Kerberos tickets.
    sasl.kerberos.min.time.before.relogin | LONG | 60000 | - | MEDIUM | per-broker | Pause between two attempts to renew a ticket.
    sasl.kerberos.principal.to.local.rules | LIST | DEFAULT | - | MEDIUM | per-broker | How Kerberos principals become short names.
    sasl.kerberos.service.name | STRING | null | - | MEDIUM | per-broker | The Kerberos name of the service.
    sasl.kerberos.ticket.renew.jitter | DOUBLE | 0.05 | - | MEDIUM | per-broker | Random share of the time until a ticket is renewed.
    sasl.kerberos.ticket.renew.window.factor | DOUBLE | 0.8 | - | MEDIUM | per-broker | Share of a ticket's life after which it is renewed.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'the broker logs in nowhere as a client' },
    `
    sasl.login.connect.timeout.ms | INT | null | - | LOW | read-only | How long connecting to an identity provider may take.
    sasl.login.read.timeout.ms | INT | null | - | LOW | read-only | How long an identity provider may take to answer.
    sasl.login.refresh.buffer.seconds | SHORT | 300 | - | MEDIUM | per-broker | Seconds before expiry at which a login is renewed at the latest.
    sasl.login.refresh.min.period.seconds | SHORT | 60 | - | MEDIUM | per-broker | Seconds a login is kept at least.
    sasl.login.refresh.window.factor | DOUBLE | 0.8 | - | MEDIUM | per-broker | Share of a login's life after which it is renewed.
    sasl.login.refresh.window.jitter | DOUBLE | 0.05 | - | MEDIUM | per-broker | Random share of the time until a login is renewed.
    sasl.login.retry.backoff.max.ms | LONG | 10000 | - | LOW | read-only | Longest pause between attempts to log in.
    sasl.login.retry.backoff.ms | LONG | 100 | - | LOW | read-only | First pause between attempts to log in.
    sasl.mechanism.controller.protocol | STRING | GSSAPI | - | HIGH | read-only | The login mechanism towards the controller.
    sasl.mechanism.inter.broker.protocol | STRING | GSSAPI | - | MEDIUM | per-broker | The login mechanism between brokers.
    sasl.oauthbearer.assertion.algorithm | STRING | RS256 | (case insensitive) [ES256, RS256] | MEDIUM | read-only | The algorithm that signs assertions.
    sasl.oauthbearer.assertion.claim.aud | STRING | null | - | MEDIUM | read-only | The audience claim of assertions.
    sasl.oauthbearer.assertion.claim.exp.seconds | INT | 300 | [0,...,86400] | LOW | read-only | Seconds an assertion is good for.
    sasl.oauthbearer.assertion.claim.iss | STRING | null | - | MEDIUM | read-only | The issuer claim of assertions.
    sasl.oauthbearer.assertion.claim.jti.include | BOOLEAN | false | - | MEDIUM | read-only | Whether assertions carry a unique id.
    sasl.oauthbearer.assertion.claim.nbf.seconds | INT | 60 | [0,...,3600] | LOW | read-only | Seconds an assertion is dated back.
    sasl.oauthbearer.assertion.claim.sub | STRING | null | - | MEDIUM | read-only | The subject claim of assertions.
    sasl.oauthbearer.assertion.file | STRING | null | - | MEDIUM | read-only | A file that holds a ready assertion.
    sasl.oauthbearer.assertion.private.key.file | STRING | null | - | MEDIUM | read-only | The private key that signs assertions.
    sasl.oauthbearer.assertion.private.key.passphrase | PASSWORD | null | - | MEDIUM | read-only | The passphrase of that key.
    sasl.oauthbearer.assertion.template.file | STRING | null | - | MEDIUM | read-only | A template assertions are made from.
    sasl.oauthbearer.client.credentials.client.id | STRING | null | - | MEDIUM | read-only | The client id towards the identity provider.
    sasl.oauthbearer.client.credentials.client.secret | PASSWORD | null | - | MEDIUM | read-only | The client secret towards the identity provider.
    sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms | LONG | 10000 | - | LOW | read-only | Longest pause between attempts to fetch keys.
    sasl.oauthbearer.scope | STRING | null | - | MEDIUM | read-only | The scope asked for in a token.
    sasl.oauthbearer.token.endpoint.url | STRING | null | - | MEDIUM | read-only | Where tokens are issued.
    ssl.endpoint.identification.algorithm | STRING | https | - | LOW | per-broker | How a server's name is checked against its certificate.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'Java classes and algorithms cannot be loaded into this broker' },
    `
    sasl.client.callback.handler.class | CLASS | null | - | MEDIUM | read-only | The class that answers a login's questions on the client side.
    sasl.login.callback.handler.class | CLASS | null | - | MEDIUM | read-only | The class that answers a login's questions.
    sasl.login.class | CLASS | null | - | MEDIUM | read-only | The class that performs logins.
    sasl.oauthbearer.jwt.retriever.class | CLASS | org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever | - | MEDIUM | read-only | The class that fetches tokens.
    sasl.oauthbearer.jwt.validator.class | CLASS | org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator | - | MEDIUM | read-only | The class that checks tokens.
    sasl.server.callback.handler.class | CLASS | null | - | MEDIUM | read-only | The class that checks a login on the broker.
    ssl.engine.factory.class | CLASS | null | - | LOW | per-broker | The class that makes TLS engines.
    ssl.keymanager.algorithm | STRING | SunX509 | - | MEDIUM | per-broker | The algorithm of Java's key manager.
    ssl.protocol | STRING | TLSv1.3 | - | MEDIUM | per-broker | The TLS version tried first.
    ssl.provider | STRING | null | - | MEDIUM | per-broker | The Java provider of TLS.
    ssl.secure.random.implementation | STRING | null | - | LOW | per-broker | The Java source of randomness for TLS.
    ssl.trustmanager.algorithm | STRING | PKIX | - | MEDIUM | per-broker | The algorithm of Java's trust manager.
  `,
  ),
  ...readTable(
    {
      kind: 'unused',
      reason:
        'access control is ready before any listener opens, and certificates are changed by whoever can change their files',
    },
    `
    early.start.listeners | LIST | null | - | HIGH | read-only | Listeners opened before access control is ready.
    ssl.allow.dn.changes | BOOLEAN | false | - | LOW | read-only | Whether a new certificate may have another distinguished name.
    ssl.allow.san.changes | BOOLEAN | false | - | LOW | read-only | Whether a new certificate may have other alternative names.
  `,
  ),
};
