// Answering HTTP, as far as Ottla needs it: small requests with bodies of text, answers of text.

export interface HttpServing {
  /** Port 0 takes a free one. Rejects with NetworkError. A request with a larger body is answered 413 and not shown. */
  listen(
    address: { readonly host: string; readonly port: number; readonly bodyBytesMax: number },
    answer: (request: HttpRequest) => Promise<HttpAnswer>,
  ): Promise<HttpListener>;
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** By lower-case name; of a name that came several times the first. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface HttpListener {
  readonly port: number;
  /** Breaks what is under way. */
  close(): Promise<void>;
}
