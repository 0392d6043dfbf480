// Loaded before everything else in a process and its threads: connections to port 443 of any host end at the local TLS
// server that `?port=` names, as an entry in a hosts file would have it. Certificates are checked as ever.
import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';

const port = Number(new URL(import.meta.url).searchParams.get('port'));
const { connect } = tls;
if (port > 0) {
  tls.connect = (options, ...rest) =>
    Number(options.port) === 443
      ? connect({ ...options, host: '127.0.0.1', port }, ...rest)
      : connect(options, ...rest);
  syncBuiltinESMExports();
}
