import { call, guarded, onSubmit } from "/static/page.js";

const form = document.getElementById("login");
const section = document.getElementById("session");
const logout = document.getElementById("logout");
let csrfToken = "";

/** Shows who is logged in by the cookie. */
async function showSession() {
  const { principal, csrf_token } = await call("GET", "/session");
  csrfToken = csrf_token;
  document.getElementById("team-id").textContent = principal.team_id;
  document.getElementById("user-id").textContent = principal.user_id;
  form.hidden = true;
  section.hidden = false;
}

onSubmit(form, async (fields) => {
  await call("POST", "/session", { body: Object.fromEntries(fields) });
  form.reset();
  await showSession();
  document.getElementById("session-title").focus();
});

logout.addEventListener("click", () =>
  guarded(logout, async () => {
    await call("DELETE", "/session", { headers: { "x-csrf-token": csrfToken } });
    section.hidden = true;
    form.hidden = false;
    document.getElementById("email").focus();
  }),
);

// Nobody is logged in, or not any more: that is what the form is for.
showSession().catch(() => {});
