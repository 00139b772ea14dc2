// The API's description in Swagger UI. Its script is a classic one, deferred before this module, and leaves a global.
const place = document.getElementById("api-description");
// Swagger UI goes by a class where the pages go by an attribute, or by the system.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followTheme = () => {
  const chosen = document.documentElement.dataset.theme;
  document.documentElement.classList.toggle("dark-mode", chosen === "dark" || (chosen !== "light" && dark.matches));
};
dark.addEventListener("change", followTheme);
followTheme();

const safe = new Set(["GET", "HEAD", "OPTIONS"]);

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  // Nothing is sent to a validator elsewhere.
  validatorUrl: null,
  requestInterceptor(request) {
    if (!safe.has(request.method ?? "GET")) request.headers["X-CSRFToken"] = place.dataset.csrf;
    return request;
  },
});
