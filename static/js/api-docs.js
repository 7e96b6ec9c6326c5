// Starts Swagger UI from files of this server only: the content security policy allows no others.

const page = document.getElementById("swagger-ui");

window.SwaggerUIBundle({
  domNode: page,
  url: page.dataset.schema,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  filter: true,
  requestInterceptor(request) {
    if (request.method && request.method !== "GET") {
      // The token that Django wants with writing requests of a browser that is signed in.
      request.headers["X-CSRFToken"] = page.dataset.csrf;
    }
    return request;
  },
});
