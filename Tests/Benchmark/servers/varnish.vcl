# Varnish before another server: titles stay for a day, everything else is as Varnish does it by itself.
vcl 4.1;

backend origin {
  .host = "127.0.0.1";
  .port = "@UPSTREAM@";
}

sub vcl_backend_response {
  set beresp.ttl = 1d;
}
