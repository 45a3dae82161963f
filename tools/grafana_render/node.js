// What Grafana's libraries touch of a browser while they load.
console.info = () => {}; // i18next's advertisement
globalThis.window ??= globalThis;
globalThis.addEventListener ??= () => {};
globalThis.localStorage ??= { getItem: () => null, setItem: () => {}, removeItem: () => {} };
globalThis.navigator ??= { language: 'en-GB', languages: ['en-GB'] };
globalThis.location ??= { href: 'http://127.0.0.1/', origin: 'http://127.0.0.1', pathname: '/', search: '' };
