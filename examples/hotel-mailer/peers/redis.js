// Where Redis is, as the hotel's programs are told.
export function redisUrl() {
  const { CLARION_REDIS_URL, REDIS_HOST = "127.0.0.1", REDIS_PORT = "6379", REDIS_PASSWORD } = process.env;
  const password = REDIS_PASSWORD ? `:${encodeURIComponent(REDIS_PASSWORD)}@` : "";
  return CLARION_REDIS_URL ?? `redis://${password}${REDIS_HOST}:${REDIS_PORT}`;
}
