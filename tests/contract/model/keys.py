"""The part of the model about what users log on with: access keys and login profiles."""

from tests.contract.model.entries import Entries
from tests.contract.model.records import ACCOUNT, DATE, SECRET, Answer, Params, User, due, refuse, together

_MOST_KEYS = 2
_SHORTEST_PASSWORD = 8
_ASKS = ("PasswordResetRequired", "MFABindRequired")


class Keys(Entries):
    """Access keys, named `key-1`, `key-2` and so on in the order in which they are made, and login profiles."""

    keys_made = 0

    def create_access_key(self, params: Params) -> Answer:
        user = self.user(params)
        refuse(due(409, "LimitExceeded.User.AccessKey", when=len(user.keys) >= _MOST_KEYS))
        self.keys_made += 1
        name = f"key-{self.keys_made}"
        user.keys[name] = True
        return {"AccessKey": _shown_key(name, is_on=True) | {"AccessKeySecret": SECRET}}

    def update_access_key(self, params: Params) -> Answer:
        wrong = due(400, "InvalidParameter.Status", when=params["Status"] not in ("Active", "Inactive"))
        user, _ = together(lambda: self._owner(params), lambda: refuse(wrong))
        user.keys[params["UserAccessKeyId"]] = params["Status"] == "Active"
        return {}

    def delete_access_key(self, params: Params) -> Answer:
        del self._owner(params).keys[params["UserAccessKeyId"]]
        return {}

    def list_access_keys(self, params: Params) -> Answer:
        keys = self.user(params).keys
        return {"AccessKeys": {"AccessKey": [_shown_key(name, is_on) for name, is_on in keys.items()]}}

    def get_caller_identity(self, params: Params) -> Answer:
        """Answer a call with the key that is named."""
        name = params["key"]
        owner = self.owner_of(name)
        if owner is None:
            refuse({(404, "InvalidAccessKeyId.NotFound")})
            raise AssertionError
        refuse(due(400, "InvalidAccessKeyId.Inactive", when=not owner.keys[name]))
        return {"AccountId": ACCOUNT, "Arn": f"acs:ram::{ACCOUNT}:user/{owner.name}", "IdentityType": "RAMUser"}

    def owner_of(self, key: str) -> User | None:
        return next((user for user in self.users.values() if key in user.keys), None)

    def create_login_profile(self, params: Params) -> Answer:
        def free() -> User:
            user = self.user(params)
            refuse(due(409, "EntityAlreadyExists.User.LoginProfile", when=user.profile is not None))
            return user

        user = together(free, lambda: refuse(*_password_errors(params)))[0]
        user.profile = {name: params.get(name) == "true" for name in _ASKS}
        return self.get_login_profile(params)

    def get_login_profile(self, params: Params) -> Answer:
        user = self._with_profile(params)
        return {"LoginProfile": {"UserName": user.name, "CreateDate": DATE} | (user.profile or {})}

    def update_login_profile(self, params: Params) -> Answer:
        user = together(lambda: self._with_profile(params), lambda: refuse(*_password_errors(params)))[0]
        user.profile |= {name: params[name] == "true" for name in _ASKS if name in params}
        return {}

    def delete_login_profile(self, params: Params) -> Answer:
        self._with_profile(params).profile = None
        return {}

    def _owner(self, params: Params) -> User:
        user = self.user(params)
        refuse(due(404, "EntityNotExist.User.AccessKey", when=params["UserAccessKeyId"] not in user.keys))
        return user

    def _with_profile(self, params: Params) -> User:
        user = self.user(params)
        refuse(due(404, "EntityNotExist.User.LoginProfile", when=user.profile is None))
        return user


def _password_errors(params: Params) -> list[set[tuple[int, str]]]:
    weak = "Password" in params and len(params["Password"]) < _SHORTEST_PASSWORD
    return [due(400, "InvalidParameter.Password.TooWeak", when=weak)]


def _shown_key(name: str, is_on: bool) -> Answer:
    return {"AccessKeyId": name, "Status": "Active" if is_on else "Inactive", "CreateDate": DATE}
