// Django's admin begins with the theme that was chosen in the application, until its own switch is used; a theme that is
// chosen anew in the application holds again. Runs before the admin's own script, which reads "theme".
{
  const cookie = document.cookie.split("; ").find((each) => each.startsWith("theme="));
  const chosen = cookie?.slice("theme=".length) ?? "system";
  if (localStorage.getItem("saliscope-theme") !== chosen) {
    localStorage.setItem("saliscope-theme", chosen);
    localStorage.setItem("theme", { light: "light", dark: "dark" }[chosen] ?? "auto");
  }
}
